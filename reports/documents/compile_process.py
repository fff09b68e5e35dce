"""The process that compiles one template: `python -m reports.documents.compile_process`.

It reads a request as JSON from its input. Its output is a line of JSON, followed by the files whose sizes that line
lists. A new one starts for every document, without environment variables, so nothing of one document reaches another.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from common.processes import die_with_parent
from reports.documents import sandbox

#: An archivable PDF whose text can be searched. It is also the only way to learn which characters no font has:
#: without such a standard, Typst silently draws boxes for them.
_STANDARD = "a-2u"
_NO_GLYPH = re.compile(r"the text `\"([^`]+)\"` could not be displayed")
_ERROR = re.compile("^error: ", re.MULTILINE)
#: How Typst's diagnostics write characters that can't be printed.
_ESCAPE = re.compile(r"\\u\{([0-9a-f]+)\}|\\t")
#: Matches the two backslashes of `\\u0000` as one escape: there, the letters after them are text.
_JSON_ESCAPE = re.compile(r"\\(?:u[0-9a-f]{4}|.)")


def main() -> None:
    request = json.load(sys.stdin.buffer)
    die_with_parent(request["parent"])
    sandbox.limit_resources(request["memory_bytes"], request["seconds"])
    import typst

    # Typst lists the fonts now, and reads those that the document needs later: their folders must stay readable.
    fonts = typst.Fonts(font_paths=request["fonts"])
    compiler = typst.Compiler(
        root=request["root"],
        font_paths=fonts,
        # By default, Typst would look for packages in the home folder of the server's user.
        package_path="/nowhere",
        package_cache_path="/nowhere",
    )
    font_folders = {str(Path(font.path).parent) for font in fonts.fonts() if font.path}
    sandbox.restrict([request["root"], *font_folders])
    try:
        files, details = _compile(compiler, request, typst.TypstError)
    except typst.TypstError as error:
        _answer({"diagnostic": error.diagnostic}, [])
        return
    if sum(map(len, files)) > request["max_bytes"]:
        _answer({"too_large": True}, [])
    else:
        _answer({"sizes": [len(file) for file in files], **details}, files)


def _compile(compiler: Any, request: dict[str, Any], typst_error: type[Any]) -> tuple[list[bytes], dict[str, Any]]:
    """The files, with details: the warnings, and the characters of the data that no font has.

    The document has the codes of those characters instead.
    """
    missing_characters = ""
    try:
        pdf, warnings = _compile_to(compiler, request, format="pdf", pdf_standards=_STANDARD)
    except typst_error as error:
        missing_characters = _characters_without_glyph(error.diagnostic, request["data"])
        if not missing_characters:
            raise
        request["data"] = _with_codes(request["data"], missing_characters)
        pdf, warnings = _compile_to(compiler, request, format="pdf", pdf_standards=_STANDARD)
    details = {"missing_characters": missing_characters, "warnings": [warning.diagnostic for warning in warnings]}
    if not request["ppi"]:
        return [pdf], details
    pages, _ = _compile_to(compiler, request, format="png", ppi=request["ppi"])
    return pages if isinstance(pages, list) else [pages], details


def _compile_to(compiler: Any, request: dict[str, Any], **output: Any) -> Any:
    template, inputs = request["template"].encode(), {"data": request["data"]}
    return compiler.compile_with_warnings(template, sys_inputs=inputs, timestamp=request["timestamp"], **output)


def _characters_without_glyph(diagnostic: str, data: str) -> str:
    """The characters of the data that are the only error of the diagnostic. Empty if there are other errors."""
    texts = _NO_GLYPH.findall(diagnostic)
    if len(texts) < len(_ERROR.findall(diagnostic)):
        return ""
    reported = _ESCAPE.sub(lambda escape: chr(int(escape[1] or "9", 16)), "".join(texts))
    # A code for printable ASCII could replace JSON's own quotes and braces.
    replaceable = {character for character in reported if not (character.isascii() and character.isprintable())}
    return "".join(sorted(character for character in replaceable if _in_json(character) in data))


def _with_codes(data: str, characters: str) -> str:
    """The data with a code such as [U+12000] for each of these characters."""
    codes = {_in_json(character): f"[U+{ord(character):04X}]" for character in characters}
    data = data.translate({ord(form): code for form, code in codes.items() if len(form) == 1})
    return _JSON_ESCAPE.sub(lambda escape: codes.get(escape[0], escape[0]), data)


def _in_json(character: str) -> str:
    """The character as the data has it: a control character is an escape, any other is itself."""
    return json.dumps(character, ensure_ascii=False)[1:-1]


def _answer(head: dict[str, Any], files: list[bytes]) -> None:
    out = sys.stdout.buffer
    out.write(json.dumps(head).encode() + b"\n")
    for file in files:
        out.write(file)
    out.flush()


if __name__ == "__main__":
    main()
