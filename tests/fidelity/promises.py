"""The tables of types in docs/formats.md, and examples that prove each row.

`python -m tests.fidelity.promises` writes the tables into the page. test_promises.py runs the examples through DuckDB
and each format, and checks that the page has these tables.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.fidelity.source_types import decimal, integer, list_of, map_of, struct_of
from tests.fidelity.tables import Kind, Type

PAGE = Path(__file__).parents[2] / "docs" / "formats.md"

_BIGINT, _UBIGINT = integer("bigint", 64), integer("ubigint", 64, unsigned=True)
_DOUBLE, _SINGLE = Type(Kind.FLOAT, "double"), Type(Kind.FLOAT, "float", single=True)
_BOOLEAN, _TEXT, _BINARY = Type(Kind.BOOLEAN, "boolean"), Type(Kind.TEXT, "varchar"), Type(Kind.BINARY, "blob")
_DATE, _TIME, _TIMESTAMP = Type(Kind.DATE, "date"), Type(Kind.TIME, "time"), Type(Kind.TIMESTAMP, "timestamp")
_ZONED = Type(Kind.TIMESTAMP, "timestamptz", zoned=True)
_SECONDS = Type(Kind.TIMESTAMP, "timestamp_s", unit=0)
_INTERVAL, _UUID, _JSON = Type(Kind.INTERVAL, "interval"), Type(Kind.UUID, "uuid"), Type(Kind.JSON, "json")
_LIST, _STRUCT = list_of(_BIGINT), struct_of(("a", "b"), (_BIGINT, _TEXT))
_MAP, _NUMBER_MAP = map_of(_TEXT, _BIGINT), map_of(_BIGINT, _BIGINT)

_LEAP_DAY = (_DATE, 19_782)
_LATE = (_TIME, 86_399_123_456)
_MOMENT = 1_719_828_000_250_000
_SOME_UUID = (_UUID, UUID("00112233-4455-6677-8899-aabbccddeeff"))
_LONG = (decimal(38, 8), Decimal("12345678901234567890.12345678"))
_SPAN = (_INTERVAL, (14, -3, 1_500_000))
_NESTED = ((_LIST, [1, None]), (_STRUCT, (1, "x")), (_MAP, [("k", 1)]), (_NUMBER_MAP, [(1, 2)]))
_OBJECT = (_JSON, '{"a": [1.10, null]}')
_NOT_FINITE = ((_DOUBLE, math.nan), (_DOUBLE, math.inf), (_DOUBLE, -math.inf))
_INFINITE = ((_DATE, math.inf), (_TIMESTAMP, -math.inf), (_ZONED, math.inf))


@dataclass(frozen=True)
class Promise:
    """A row of a table on the page, and values of DuckDB that it is about.

    A row without examples is about types that DuckDB doesn't have; tests/reports/rendering/arrow_types.py has them.
    """

    types: str
    says: str
    examples: tuple[tuple[Type, Any], ...] = ()


#: By heading of the page.
PROMISES: dict[str, tuple[Promise, ...]] = {
    "csv": (
        Promise("NULL", 'empty. In a file with one column `""`, because readers skip empty lines', ((_TEXT, None),)),
        Promise("integers", "all digits", ((_UBIGINT, 2**64 - 1), (_BIGINT, -(2**63)))),
        Promise(
            "floats",
            "the shortest text that reads back as the same number: `0.1`, `1e+300`; `nan`, `inf`, `-inf`",
            ((_SINGLE, 0.10000000149011612), (_DOUBLE, 1e300), *_NOT_FINITE),
        ),
        Promise(
            "decimals",
            "all digits with the zeros of the scale, never an exponent: `1.50`, `0.00000000`",
            ((decimal(4, 2), Decimal("1.50")), (decimal(38, 8), Decimal("0.00000000"))),
        ),
        Promise("numeric text", "unchanged. Guarded and quoted like text if it isn't a number"),
        Promise("boolean", "`true`, `false`", ((_BOOLEAN, True), (_BOOLEAN, False))),
        Promise("date, time", "`2024-02-29`, `23:59:59.123456`", (_LEAP_DAY, _LATE)),
        Promise(
            "timestamp",
            "`2024-07-01T10:00:00.250000`, with time zone `2024-07-01T10:00:00.250000Z`",
            ((_TIMESTAMP, _MOMENT), (_ZONED, _MOMENT)),
        ),
        Promise("duration, interval", "see the rules above", (_SPAN,)),
        Promise("text", 'unchanged, including line ends. An empty text is `""`', ((_TEXT, "a\r\nb\n"), (_TEXT, ""))),
        Promise(
            "binary",
            'hexadecimal: `00ff`; no bytes are `""`. Base64 could start with `+`, and the guard would change it',
            ((_BINARY, b"\x00\xff"), (_BINARY, b"")),
        ),
        Promise("uuid", "`00112233-4455-6677-8899-aabbccddeeff`", (_SOME_UUID,)),
        Promise("list, struct, map, json", "JSON text, see json", (*_NESTED, _OBJECT)),
    ),
    "json and ndjson": (
        Promise("NULL", "`null`", ((_TEXT, None),)),
        Promise(
            "integers, decimals, numeric text",
            "a number with **all** digits: `18446744073709551615`, `12345678901234567890.12345678`",
            ((_UBIGINT, 2**64 - 1), _LONG),
        ),
        Promise(
            "floats",
            "the shortest number that reads back as the same number. NaN and infinities are `null`",
            ((_DOUBLE, 0.1), (_SINGLE, 0.10000000149011612), *_NOT_FINITE),
        ),
        Promise("boolean", "`true`, `false`", ((_BOOLEAN, True), (_BOOLEAN, False))),
        Promise(
            "date, time, timestamp, duration, interval, uuid",
            "a string, as in csv",
            (_LEAP_DAY, _LATE, (_ZONED, _MOMENT), _SPAN, _SOME_UUID),
        ),
        Promise(
            "text",
            "a string. Control characters are escaped, all other characters are UTF-8",
            ((_TEXT, "\x07\x00\r\n"), (_TEXT, "Ж 中 \U0001f600 \x7f")),
        ),
        Promise("binary", "a string of base64", ((_BINARY, b"\x00\xff"), (_BINARY, b""))),
        Promise("list", "an array", ((_LIST, [1, None]), (_LIST, []))),
        Promise("struct", "an object", ((_STRUCT, (1, "x")),)),
        Promise(
            "map",
            "an object if the keys are text, else an array of `[key, value]`",
            ((_MAP, [("k", 1)]), (_NUMBER_MAP, [(1, 2)])),
        ),
        Promise("json", "unchanged on one line if it is valid JSON, else a string", (_OBJECT, (_JSON, "[1,\n2]"))),
    ),
    "parquet": (
        Promise(
            "integers, float32, float64, boolean, date, text, binary, list, struct, map, dictionary",
            "unchanged",
            (
                (_UBIGINT, 2**64 - 1),
                (_SINGLE, 0.5),
                (_DOUBLE, 0.1),
                (_BOOLEAN, True),
                _LEAP_DAY,
                (_TEXT, ""),
                (_BINARY, b""),
                *_NESTED,
            ),
        ),
        Promise("float16", "float32"),
        Promise("decimals of up to 38 digits", "decimal. A negative scale becomes 0", (_LONG,)),
        Promise(
            "`infinity`, `-infinity`",
            "none: the job fails with a sentence that names the column and the way out",
            _INFINITE,
        ),
        Promise("longer decimals", "text with all digits, because most readers would round them"),
        Promise(
            "time, timestamp",
            "the same unit, but seconds become milliseconds. With time zone: in UTC",
            (_LATE, (_TIMESTAMP, _MOMENT), (_ZONED, _MOMENT), (_SECONDS, 1_719_828_000)),
        ),
        Promise("duration", "an integer in the column's unit. Arrow readers see a duration"),
        Promise("interval, numeric text, json", "text", (_SPAN, _OBJECT)),
        Promise("uuid", "UUID", (_SOME_UUID,)),
        Promise("NULL (a column without a type)", "text, all NULL"),
        Promise(
            "unions and other types that Parquet doesn't have",
            "JSON text",
            ((struct_of(("a",), (_INTERVAL,)), ((14, -3, 1_500_000),)),),
        ),
    ),
    "xlsx": (
        Promise("NULL", "no cell", ((_TEXT, None),)),
        Promise("integers of up to 15 digits", "a number", ((_BIGINT, 10**15 - 1), (_BIGINT, 1 - 10**15))),
        Promise(
            "longer integers",
            "text: Excel would turn the digits after the fifteenth into zeros",
            ((_BIGINT, 10**15 + 1), (_UBIGINT, 2**64 - 1)),
        ),
        Promise(
            "decimals of up to 15 significant digits",
            "a number that shows the zeros of the scale",
            ((decimal(38, 8), Decimal("1.50000000")), (decimal(38, 8), Decimal("0.00000000"))),
        ),
        Promise("longer decimals", "text", (_LONG,)),
        Promise(
            "floats",
            "a number with the digits of csv (Excel shows 15 of up to 17). NaN and infinities are the texts `nan`, "
            "`inf`, `-inf`",
            ((_DOUBLE, 0.30000000000000004), (_SINGLE, 0.10000000149011612), *_NOT_FINITE),
        ),
        Promise("numeric text", "a number. Text if it has more than 15 digits or an exponent, or isn't a number"),
        Promise("boolean", "a boolean, shown as `TRUE` or `FALSE`", ((_BOOLEAN, True), (_BOOLEAN, False))),
        Promise(
            "date",
            "a date. Text before 1 March 1900, after 9999, and if it is infinite",
            (_LEAP_DAY, (_DATE, -25_508), (_DATE, -25_509), (_DATE, 2_932_896), (_DATE, 2_932_897), _INFINITE[0]),
        ),
        Promise(
            "time, timestamp",
            "a time, or a date with a time. With time zone: in UTC. Text outside of Excel's calendar, if it is "
            "infinite, and for 24:00:00",
            (_LATE, (_TIME, 86_400 * 10**6), (_ZONED, _MOMENT), (_TIMESTAMP, -(10**16)), *_INFINITE[1:]),
        ),
        Promise("duration", "a number of days, shown as `25:30:15`. Text if negative: Excel would show `####`"),
        Promise(
            "interval",
            "a duration if it has neither months nor days, else text: `1 year 2 months -3 days 0:00:01.5`",
            (_SPAN, (_INTERVAL, (0, 0, 91_815_000_000))),
        ),
        Promise(
            "uuid, binary, list, struct, map, json", "text, as in csv", (_SOME_UUID, (_BINARY, b"="), *_NESTED, _OBJECT)
        ),
        Promise(
            "text",
            "text, whatever it starts with: never a formula, link, date or number, not even when it is edited",
            tuple(
                (_TEXT, text)
                for text in ("=1+1", "-1", "2024-02-29", "0012", "https://example.org/", "_x0007_", "\x07")
            ),
        ),
    ),
}


def page_with_tables(page: str) -> str:
    """The page with the first table after each heading replaced."""
    for heading, promises in PROMISES.items():
        rows = "".join(f"| {promise.types} | {promise.says} |\n" for promise in promises)
        table = re.compile(rf"(\n## {heading}\n.*?\n\|---\|---\|\n)(?:\|[^\n]*\n)+", re.DOTALL)
        page, count = table.subn(lambda match, rows=rows: match[1] + rows, page, count=1)
        assert count == 1, f"{PAGE.name} has no table under {heading}"
    return page


if __name__ == "__main__":
    PAGE.write_text(page_with_tables(PAGE.read_text()))
