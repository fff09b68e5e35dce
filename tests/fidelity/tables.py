"""Types of columns and the values of a table, without any library's ideas of them.

Values in Python: integers are int, floats float, decimals Decimal, texts str, bytes bytes. A date is the number of days
since 1970-01-01; a timestamp and a time are numbers of their unit since then and since midnight, all of them possibly
beyond what Python's datetime knows. `math.inf` is a date or timestamp of infinity. An interval is (months, days,
microseconds); a list is a list, a struct a tuple in the order of its fields, a map a list of pairs. NULL is None.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What a format's promises depend on."""

    INTEGER = "integer"
    FLOAT = "float"
    DECIMAL = "decimal"
    #: A number whose column has no scale, so that the zeros at the end of a fraction aren't promised.
    NUMERIC = "numeric"
    BOOLEAN = "boolean"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    INTERVAL = "interval"
    TEXT = "text"
    #: The value is JSON text.
    JSON = "json"
    UUID = "uuid"
    BINARY = "binary"
    LIST = "list"
    STRUCT = "struct"
    MAP = "map"
    #: The value is SQL, and the server's own text of it is what the file has.
    SERVER_TEXT = "server_text"
    #: A text in a file without types: the result has it unchanged, or its exact value.
    FILE_TEXT = "file_text"


@dataclass(frozen=True)
class Type:
    """The type of a column, or of a part of a nested one. `sql` is the source's name for it."""

    kind: Kind
    sql: str = ""
    #: The smallest and largest value: of integers, days, or units of time.
    low: int = 0
    high: int = 0
    #: All digits of a decimal, and those of its fraction.
    digits: int = 0
    scale: int = 0
    #: Digits of a fraction of a second: 0, 3, 6 or 9.
    unit: int = 6
    zoned: bool = False
    #: Whether the source has infinite dates or floats.
    infinite: bool = False
    #: Whether the source stores -0.0 and not 0.
    signed_zero: bool = True
    #: Whether a float has 32 bits.
    single: bool = False
    #: Characters that the source can't store.
    forbidden: str = ""
    #: The only values of the type, if it has few: labels of an enumeration, SQL of a server's type.
    choices: tuple[Any, ...] = ()
    parts: tuple[Type, ...] = ()
    names: tuple[str, ...] = ()
    #: All values of a list are as long as each other at each depth, as in PostgreSQL.
    rectangular: bool = False


@dataclass
class Table:
    """Columns and rows. `names` are the headings of the result."""

    types: list[Type]
    names: list[str]
    rows: list[list[Any]]
    #: Copies of the first row that precede the others in a file, beyond the rows that a program samples.
    filler: int = 0
    #: The server's texts of values of the kind SERVER_TEXT, and of columns that become text, by row and column.
    server_texts: dict[tuple[int, int], str] = field(default_factory=dict)

    def __repr__(self) -> str:
        columns = "\n".join(f"    {name!r}: {_shown(type)}" for name, type in zip(self.names, self.types, strict=True))
        rows = "\n".join(f"    {_row(row)}" for row in self.rows)
        return f"  columns:\n{columns}\n  rows{f' (after {self.filler} of filler)' if self.filler else ''}:\n{rows}"


def _row(row: list[Any]) -> str:
    text = repr(row)
    return text if len(text) < 2_000 else f"{text[:1_000]} … {text[-200:]} ({len(text):,} characters)"


def _shown(type: Type) -> str:
    return f"{type.kind}{f' ({type.sql})' if type.sql else ''}"
