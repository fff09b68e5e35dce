"""Typed report parameters: from a declaration and raw values to typed values, or to all the errors at once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TypedValue:
    """A checked value with the declared type it was checked against; None is SQL NULL, a tuple is a list of values."""

    type: str
    value: object
