"""What the JSON values of a file look like: the types that hold all of them, and a pattern that knows them.

A `Shape` grows with each value that is added to it. Its pattern matches the text of values that wouldn't change it, so
that only the others need a closer look.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from reports.sources.files.json_numbers import ALL_NUMBERS, Integer, JsonKind, Numbers, Real, Special
from reports.sources.placeholders import identifier

#: More keys than this are data. DuckDB draws the line there as well (`map_inference_threshold`).
_MAX_FIELDS, _MAX_COLUMNS = 200, 2_000
_MAX_NESTING = 200
#: Below this depth, lists and objects stay JSON: structures that contain themselves would have types without end.
_MAX_DEPTH = 16

_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
#: A regular expression for a text in JSON.
STRING = r'"(?:[^"\\]|\\.)*"'
#: What DuckDB's parser accepts beyond JSON, outside of strings: commas before an end, and other spellings of NaN.
_LENIENT = re.compile(rf"({STRING})|,(?=\s*[\]}}])|-?\b(?:nan|inf(?:inity)?)\b", re.IGNORECASE)


class Pairs(list[tuple[str, object]]):
    """The keys and values of an object."""


class DuplicateKey(ValueError):
    """An object has a key twice, so one of the values would be lost."""

    def __init__(self, key: str) -> None:
        super().__init__(f"has the key “{key}” twice in one object")


def parse(text: str) -> object:
    """The value of a JSON text, with numbers as they are written. Raises ValueError or RecursionError."""
    try:
        return _decoder.decode(text)
    except json.JSONDecodeError:
        return _decoder.decode(_LENIENT.sub(_as_python_reads_it, text))


def _as_python_reads_it(match: re.Match[str]) -> str:
    return match[1] or ("" if match[0] == "," else "NaN")


def _pairs(pairs: list[tuple[str, object]]) -> Pairs:
    if len(pairs) > len(dict(pairs)):
        keys = [key for key, _ in pairs]
        raise DuplicateKey(next(key for key in keys if keys.count(key) > 1))
    return Pairs(pairs)


_decoder = json.JSONDecoder(parse_int=Integer, parse_float=Real, parse_constant=Special, object_pairs_hook=_pairs)


@dataclass
class Shape:
    """The kinds of all values at one place of a file's objects, and the shapes of the values inside of them."""

    depth: int = 0
    kinds: JsonKind = field(default=JsonKind(0))
    #: Whether there are texts that don't begin like a date.
    has_words: bool = False
    numbers: Numbers = field(default_factory=Numbers)
    #: Of lists: their elements.
    items: Shape | None = None
    fields: dict[str, Shape] = field(default_factory=dict)
    #: Of objects with so many keys that they are data: their values.
    values: Shape | None = None

    def add(self, value: object) -> None:
        """Add a value that `parse` returned. Raises RecursionError for one that is nested too deeply."""
        if value is None:
            return
        if self.depth > _MAX_NESTING:
            # What walks over shapes later takes more of the stack for each level than this.
            raise RecursionError
        if isinstance(value, Pairs):
            self.kinds |= JsonKind.OBJECT
            for key, inner in value:
                self._field(key).add(inner)
            self._limit_fields()
        elif isinstance(value, list):
            self.kinds |= JsonKind.LIST
            self.items = self.items or self._inner()
            for item in value:
                self.items.add(item)
        elif isinstance(value, bool):
            self.kinds |= JsonKind.BOOLEAN
        elif isinstance(value, Integer):
            self.kinds |= JsonKind.INTEGER
            self.numbers.add_integer(value)
        elif isinstance(value, Real):
            self.kinds |= JsonKind.REAL
            self.numbers.add_real(value)
        elif isinstance(value, Special):
            self.kinds |= JsonKind.SPECIAL
        else:
            self.kinds |= JsonKind.TEXT
            self.has_words = self.has_words or not _DATE.match(str(value))

    def _merge(self, other: Shape) -> None:
        """Add all values of another shape."""
        self.kinds |= other.kinds
        self.has_words |= other.has_words
        self.numbers.merge(other.numbers)
        if other.items:
            self.items = self.items or self._inner()
            self.items._merge(other.items)
        if other.values:
            self._use_values()
            self._field("")._merge(other.values)
        for key, shape in other.fields.items():
            self._field(key)._merge(shape)
        self._limit_fields()

    def _field(self, key: str) -> Shape:
        if self.values:
            return self.values
        shape = self.fields.get(key)
        if shape is None:
            shape = self.fields[key] = self._inner()
        return shape

    def _limit_fields(self) -> None:
        if len(self.fields) > (_MAX_FIELDS if self.depth else _MAX_COLUMNS):
            self._use_values()

    def _use_values(self) -> None:
        if not self.values:
            self.values = self._inner()
            for shape in self.fields.values():
                self.values._merge(shape)
            self.fields = {}

    def _inner(self) -> Shape:
        return Shape(self.depth + 1)

    @property
    def is_objects(self) -> bool:
        """Whether all values are objects with keys that can be columns."""
        return self.kinds == JsonKind.OBJECT and bool(self.fields)

    @property
    def type(self) -> str:
        """DuckDB's type for all values, which loses nothing."""
        if not self.kinds or self.kinds == JsonKind.TEXT:
            return "varchar"
        if self.kinds == JsonKind.BOOLEAN:
            return "boolean"
        if not self.kinds & ~ALL_NUMBERS:
            return self.numbers.type(self.kinds)
        if self.depth > _MAX_DEPTH:
            return "json"
        if self.kinds == JsonKind.LIST and self.items:
            return f"{self.items.type}[]"
        if self.kinds == JsonKind.OBJECT and self.values:
            return f"map(varchar, {self.values.type})"
        if self.kinds == JsonKind.OBJECT and self.fields and are_distinct(self.fields):
            return f"struct({', '.join(f'{identifier(key)} {shape.type}' for key, shape in self.fields.items())})"
        return "json"

    @property
    def has_objects(self) -> bool:
        """Whether some values are objects, or contain some."""
        return bool(self.kinds & JsonKind.OBJECT) or any(part.has_objects for part in self._parts())

    @property
    def has_json(self) -> bool:
        """Whether the type is JSON, or that of a part is."""
        return self.type == "json" or any(part.has_json for part in self._parts())

    @property
    def fits_doubles(self) -> bool:
        """Whether no digit is lost if all reals are read as doubles."""
        return self.numbers.fit_doubles(self.kinds & ALL_NUMBERS) and all(part.fits_doubles for part in self._parts())

    @property
    def has_doubles(self) -> bool:
        """Whether the pattern matches reals that may have more digits than a double."""
        numbers = self.kinds & ALL_NUMBERS
        return (bool(numbers) and self.numbers.type(numbers) == "double") or any(
            part.has_doubles for part in self._parts()
        )

    def _parts(self) -> list[Shape]:
        return [part for part in (self.items, self.values, *self.fields.values()) if part]

    @property
    def pattern(self) -> str:
        """A regular expression (RE2) for the JSON of NULL and of values that don't change the type."""
        patterns = ["null"]
        if self.kinds & JsonKind.BOOLEAN:
            patterns.append("true|false")
        if numbers := self.kinds & ALL_NUMBERS:
            patterns.append(self.numbers.pattern(numbers))
        if self.kinds & JsonKind.TEXT:
            patterns.append(STRING)
        if self.items:
            patterns.append(_repeated(r"\[", [self.items.pattern], r"\]"))
        if self.kinds & JsonKind.OBJECT:
            members = [rf"{_key_pattern(key)}\s*:\s*{shape.pattern}" for key, shape in self.fields.items()]
            if self.values:
                members = [rf"{STRING}\s*:\s*{self.values.pattern}"]
            patterns.append(_repeated(r"\{", members, r"\}"))
        return f"(?:{'|'.join(patterns)})"


def are_distinct(keys: Iterable[str]) -> bool:
    """Whether these keys can name columns or fields in DuckDB, which ignores case and knows no empty name."""
    names = [key.lower() for key in keys]
    return "" not in names and len(set(names)) == len(names)


def _repeated(opening: str, elements: list[str], closing: str) -> str:
    # The text is known to be valid, so commas needn't be counted. Keys may come in any order, and be missing.
    inner = rf"(?:(?:{'|'.join(elements)})\s*,?\s*)*" if elements else ""
    return rf"{opening}\s*{inner}{closing}"


def _key_pattern(key: str) -> str:
    return re.sub(r"[\\.^$|?*+()\[\]{}]", r"\\\g<0>", json.dumps(key, ensure_ascii=False))
