"""The process in which one chart is drawn: `python -m reports.documents.chart_process KIND FONTS MEGABYTES PARENT`.

Reads a Vega-Lite specification (svg) or a drawing in SVG (png, pdf) from its input and writes what was asked for. It is
started anew for every chart, with no environment, and ends with the process of that id.

V8 reserves 34 GB of addresses, and so cannot live under a limit of addresses (RLIMIT_AS), as jobs do. What it really
uses is bounded instead (RLIMIT_DATA), and so are its processor time and, to nothing, the files it writes.
"""

from __future__ import annotations

import resource
import sys
from contextlib import suppress

from reports.documents import sandbox

_SECONDS = 30
_SCALE = 2.0
_SYSTEM_FONTS = ("/usr/share/fonts", "/usr/local/share/fonts")


def main(wanted: str, fonts: str, megabytes: int) -> None:
    """Raises ValueError with Vega-Lite's own words for a specification that it refuses."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    sandbox.lower(resource.RLIMIT_DATA, megabytes * 2**20)
    sandbox.lower(resource.RLIMIT_CPU, _SECONDS)
    sandbox.lower(resource.RLIMIT_FSIZE, 0)
    sandbox.lower(resource.RLIMIT_CORE, 0)
    given = sys.stdin.buffer.read().decode()

    import vl_convert

    vl_convert.register_font_directory(fonts)
    # Where the kernel has no such bounds, there are still those of the specification, of vl-convert and of what is
    # kept of a drawing.
    with suppress(sandbox.NoSandboxError):
        sandbox.close([fonts, *_SYSTEM_FONTS])
    if wanted == "svg":
        drawn = vl_convert.vegalite_to_svg(given, allowed_base_urls=[]).encode()
    elif wanted == "png":
        drawn = vl_convert.svg_to_png(given, scale=_SCALE)
    else:
        drawn = vl_convert.svg_to_pdf(given)
    sys.stdout.buffer.write(drawn)


if __name__ == "__main__":
    sandbox.end_with(int(sys.argv[4]))
    try:
        main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    except ValueError as error:
        sys.exit(f"refused: {error}")
