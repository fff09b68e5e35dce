"""Typst's errors and warnings as sentences, with their position in the template."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

#: An error may quote the template or a value, however long it is.
_MAX_CHARACTERS = 500
_START = re.compile(r"^(?:error|warning): ", re.MULTILINE)
_MESSAGE = re.compile(r"^(?:error|warning|help): (.*)$", re.MULTILINE)
_HINT = re.compile(r"^ *= hint: (.*)$", re.MULTILINE)
#: The name that Typst gives to a template that isn't read from a file.
_POSITION = re.compile(r"┌─ .*__typst_py_bytes__\.typ:(\d+):(\d+)")
_NO_GLYPH = re.compile(r"the text `\"([^`]+)\"` could not be displayed with font")

_NO_PACKAGES = "A template can't import packages, only “report.typ”."
_NO_FILES = "A template can't read files; it gets its data from “report.typ”."
#: Parts of Typst's errors about what templates may not do here, and our own sentences for them.
_FORBIDDEN = {
    "failed to download package": _NO_PACKAGES,
    "package not found": _NO_PACKAGES,
    "file not found": _NO_FILES,
    "would escape the project root": _NO_FILES,
    "failed to load file": _NO_FILES,
}


@dataclass(frozen=True)
class Diagnostic:
    """An error or a warning. Line and column count from 1. None: Typst gives no position."""

    message: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return self.message if self.line is None else f"Line {self.line}, column {self.column}: {self.message}"

    @classmethod
    def parse(cls, sentence: str) -> Diagnostic:
        """The reverse of `str`."""
        match = re.fullmatch(r"Line (\d+), column (\d+): (.*)", sentence, re.DOTALL)
        return cls(match[3], int(match[1]), int(match[2])) if match else cls(sentence)


def parse_diagnostics(output: str) -> Iterator[Diagnostic]:
    """The errors and warnings in Typst's output, in its order."""
    starts = [match.start() for match in _START.finditer(output)] or [0]
    for start, end in zip(starts, [*starts[1:], len(output)], strict=True):
        text = output[start:end]
        # An error inside of report.typ comes with the positions of all calls. The last one is in the template.
        positions = _POSITION.findall(text)
        if positions:
            line, column = map(int, positions[-1])
            # Typst counts lines from 1 and columns from 0.
            yield Diagnostic(_sentence(text), line, column + 1)
        else:
            yield Diagnostic(_sentence(text))


def _sentence(text: str) -> str:
    first = _MESSAGE.search(text)
    message = (first[1] if first else text.strip())[:_MAX_CHARACTERS]
    if missing := _NO_GLYPH.search(message):
        return f"No font on the server has “{missing[1]}”."
    for part, sentence in _FORBIDDEN.items():
        if part in message:
            return sentence
    parts = (part.strip().rstrip(".") for part in [message, *_HINT.findall(text)])
    return " ".join(f"{part[0].upper()}{part[1:]}." for part in parts if part)
