"""The process that draws one chart: `python -m reports.documents.chart_process OUTPUT FONTS MEMORY_BYTES PARENT`.

It reads a Vega-Lite specification (OUTPUT svg) or an SVG drawing (OUTPUT png or pdf) from its input, and writes the
drawing to its output. Each chart has a new process, without environment variables, which dies with the process PARENT.

V8 reserves 34 GB of address space, so it can't run under the limit of address space (RLIMIT_AS) that jobs have.
Instead, the memory that it really uses (RLIMIT_DATA) and its processor time are limited, and it can't write files.
"""

from __future__ import annotations

import resource
import sys
from contextlib import suppress

from common.children.limits import lower_limit
from common.processes import die_with_parent
from reports.documents import sandbox

_CPU_SECONDS = 30
#: Pixels of a PNG per pixel of the drawing, for high-resolution screens.
_SCALE = 2.0
_SYSTEM_FONTS = ("/usr/share/fonts", "/usr/local/share/fonts")


def main(output: str, fonts: str, memory_bytes: int) -> None:
    """Raises ValueError with Vega-Lite's own words if it refuses the specification."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    lower_limit(resource.RLIMIT_DATA, memory_bytes)
    lower_limit(resource.RLIMIT_CPU, _CPU_SECONDS)
    lower_limit(resource.RLIMIT_FSIZE, 0)
    lower_limit(resource.RLIMIT_CORE, 0)
    data = sys.stdin.buffer.read().decode()

    # After the limits are set, which apply to V8 too, and before the sandbox, which denies reading its library.
    import vl_convert

    vl_convert.register_font_directory(fonts)
    # If there is no sandbox, the chart is drawn all the same, unlike a template: the checks of its specification,
    # vl-convert's own limits and the sanitizer of its drawing remain.
    with suppress(sandbox.SandboxUnavailableError):
        sandbox.restrict([fonts, *_SYSTEM_FONTS])
    if output == "svg":
        drawing = vl_convert.vegalite_to_svg(data, allowed_base_urls=[]).encode()
    elif output == "png":
        drawing = vl_convert.svg_to_png(data, scale=_SCALE)
    else:
        drawing = vl_convert.svg_to_pdf(data)
    sys.stdout.buffer.write(drawing)


if __name__ == "__main__":
    die_with_parent(int(sys.argv[4]))
    try:
        main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    except ValueError as error:
        sys.exit(f"refused: {error}")
