"""The process in which one template is compiled: `python -m reports.documents.process`.

It reads what to do from its standard input and answers on its standard output: a line of JSON, and then the files whose
sizes that line has. It is started anew for every document, with no environment, so that nothing of one is in the next.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from reports.documents import sandbox

#: Archivable, with text that can be searched. And only where a standard asks for it, Typst tells which characters no
#: font has; otherwise it draws boxes without a word.
_STANDARD = "a-2u"
_NO_GLYPH = re.compile(r"the text `\"([^`]+)\"` could not be displayed")
_FAULT = re.compile("^error: ", re.MULTILINE)
_ESCAPED = re.compile(r"\\u\{([0-9a-f]+)\}")


def main() -> None:
    """Compile, and say how it went."""
    asked = json.load(sys.stdin.buffer)
    sandbox.end_with(asked["parent"])
    sandbox.limit(asked["memory_bytes"], asked["seconds"])
    import typst

    # Scanned before files are out of reach; which of them a document needs is only known while it is made.
    fonts = typst.Fonts(font_paths=asked["fonts"])
    compiler = typst.Compiler(
        root=asked["root"],
        font_paths=fonts,
        package_path="/nowhere",
        package_cache_path="/nowhere",
    )
    folders = {str(Path(font.path).parent) for font in fonts.fonts() if font.path}
    sandbox.close([asked["root"], *folders])
    try:
        files, told = _compiled(compiler, asked, typst.TypstError)
    except typst.TypstError as error:
        _answer({"diagnostic": error.diagnostic}, [])
        return
    if sum(map(len, files)) > asked["most_bytes"]:
        _answer({"too_large": True}, [])
    else:
        _answer({"sizes": [len(file) for file in files], **told}, files)


def _compiled(compiler: Any, asked: dict[str, Any], error_type: type[Any]) -> tuple[list[bytes], dict[str, Any]]:
    """The files, with the characters in the data that no font has, which are shown by their codes, and warnings."""
    lacking = ""
    try:
        pdf, warnings = _file(compiler, asked, format="pdf", pdf_standards=_STANDARD)
    except error_type as error:
        lacking = _without_glyph(error.diagnostic, asked["data"])
        if not lacking:
            raise
        asked["data"] = asked["data"].translate({ord(one): f"[U+{ord(one):04X}]" for one in lacking})
        pdf, warnings = _file(compiler, asked, format="pdf", pdf_standards=_STANDARD)
    told = {"lacking": lacking, "warnings": [warning.diagnostic for warning in warnings]}
    if not asked["ppi"]:
        return [pdf], told
    pages, _ = _file(compiler, asked, format="png", ppi=asked["ppi"])
    return pages if isinstance(pages, list) else [pages], told


def _file(compiler: Any, asked: dict[str, Any], **how: Any) -> Any:
    template, inputs = asked["template"].encode(), {"data": asked["data"]}
    return compiler.compile_with_warnings(template, sys_inputs=inputs, timestamp=asked["timestamp"], **how)


def _without_glyph(diagnostic: str, data: str) -> str:
    """The characters of the data that the diagnostic names as in no font; none if it has anything else to say."""
    texts = _NO_GLYPH.findall(diagnostic)
    if len(texts) < len(_FAULT.findall(diagnostic)):
        return ""
    named = "".join(_ESCAPED.sub(lambda match: chr(int(match[1], 16)), text) for text in texts)
    return "".join(sorted({character for character in named if not character.isascii() and character in data}))


def _answer(head: dict[str, Any], files: list[bytes]) -> None:
    out = sys.stdout.buffer
    out.write(json.dumps(head).encode() + b"\n")
    for file in files:
        out.write(file)
    out.flush()


if __name__ == "__main__":
    main()
