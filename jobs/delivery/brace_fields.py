"""Texts with fields in braces, such as "Delays from {parameter.start}": nothing in them is executed.

A field is a name, or a name and a format after a colon: {slot:%Y-%m}. {{ and }} stand for braces.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

#: Each character is in exactly one of these, so a text is read in linear time.
_PARTS = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+")
_NAME = re.compile(r"[A-Za-z_][\w.-]*")


class BraceField(NamedTuple):
    """A field: its name, and its format; "" without one."""

    name: str
    format: str


def parse(text: str) -> Iterator[str | BraceField]:
    """Yield the parts of the text. Raises ValueError with a sentence."""
    for match in _PARTS.finditer(text):
        part = match[0]
        if part in ("{{", "}}"):
            yield part[0]
        elif match[1] is not None:
            name, _, format = match[1].partition(":")
            if not _NAME.fullmatch(name):
                raise ValueError(
                    f"Put the name of a field between braces, not {part[:50]!r}. A brace itself is doubled."
                )
            yield BraceField(name, format)
        elif part in ("{", "}"):
            raise ValueError(f"{part} belongs to no field. Double a brace that is to stay: {part * 2}.")
        else:
            yield part


def names(text: str) -> set[str]:
    """Return the names of the fields in the text; none if the text is not valid."""
    try:
        return {part.name for part in parse(text) if isinstance(part, BraceField)}
    except ValueError:
        return set()


def fill(text: str, value: Callable[[BraceField], str]) -> str:
    """Return the text with the value of each field in its place. Raises ValueError."""
    return "".join(part if isinstance(part, str) else value(part) for part in parse(text))
