"""Random values of a type: every second one is an extreme."""

from __future__ import annotations

import math
import struct
import uuid
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tests.fidelity.tables import Kind, Type

_TEXTS = (
    "", " ", "a  b ", "x,y", 'say "hi"', "'", "a;b|c", "\t", "\tx", "\r", "\n", "a\r\nb", "\x00", "a\x00b", "\x07\x1b",
    "=1+1", "+1", "-1", "@x", "\uff1d1", "<b>&amp;</b>", "_x0007_", "_x005F_", "\\", "\\n", "\u200b", "\ufeff",
    "\u2028", "\x7f\x85", "\ufffe\uffff", "e\u0301", "\U0001f600", "Ж 中 ع", "NULL", "null", "None", "nan",
    "true", "0012", "1e5", "2024-02-29", "12:00", "https://example.org/", "[1]", "{", "#", "--", "$1", ":a", "%s",
    "é" * 300,
)  # fmt: skip
#: What programs that guess types take for something else.
TRAPS = (
    "00071", "1_000", " 5", "5 ", "+5", "0x1F", "1e2", "99.50", "0.10", "1.", ".5", "-0", "1,5", "1.000,00", "1/2/24",
    "01/02/2024", "2024-3-1", "2024-03-01", "2024-03-01 13:45:00", "2024-03-01 13:45:00+01", "2016-12-31T23:59:60Z",
    "2024-02-30", "20240301", "13:45", "24:00:00", "9223372036854775808", "12345678901234567891.5",
    "649686000000001631.44", "99999999999999999999999999999999999999999", "1e400", "nan", "inf", "Infinity", "NULL",
    "\\N", "true", "TRUE", "yes", "#x", "'q'", '"q"', "x;y", "a|b", "[1, 2]", '{"a": 1}', "",
)  # fmt: skip
_INFINITY = (math.inf, -math.inf)
_FLOATS = (0.0, -0.0, 0.1, 1e300, 5e-324, 1.7976931348623157e308, 0.30000000000000004, 1e15, 1e16, 123456789.125, 1e-7)
_SINGLES = (0.0, 0.1, 3.4028234663852886e38, 1e-45, 16777216.0)
_MAX_INTERVAL = 2**31 - 1


def values(type: Type, *, plain: bool = False) -> st.SearchStrategy[Any]:
    """Values of the type, with NULL. `plain`: short texts of characters that a PDF reader finds again."""
    return st.one_of(st.none(), present(type, plain=plain), present(type, plain=plain), present(type, plain=plain))


def present(type: Type, *, plain: bool = False) -> st.SearchStrategy[Any]:
    """Values of the type, without NULL."""
    if type.choices:
        return st.sampled_from(type.choices)
    if type.kind in (Kind.LIST, Kind.STRUCT, Kind.MAP):
        return _nested(type, plain)
    if type.kind in (Kind.TEXT, Kind.FILE_TEXT) and plain:
        return st.text(_PLAIN_CHARACTERS, max_size=12) if type.kind is Kind.TEXT else st.sampled_from(_PLAIN_TRAPS)
    return _STRATEGIES[type.kind](type)


#: Characters whose glyphs are found again one by one: without blanks, combined letters and right-to-left scripts.
_PLAIN_CHARACTERS = "".join(map(chr, range(33, 127))) + "äßÉñЖдΩλ中文\x07\x1b"
_PLAIN_TRAPS = [trap for trap in TRAPS if trap and " " not in trap]


def _texts(type: Type) -> st.SearchStrategy[str]:
    extremes = [text for text in _TEXTS if not set(text) & set(type.forbidden)]
    characters = st.characters(exclude_categories=["Cs"], exclude_characters=type.forbidden)
    # Longer than a cell of a workbook. Not among the others, because hypothesis would write it into their names.
    long = st.integers(32_767, 33_000).map("x".__mul__)
    return st.one_of(st.sampled_from(extremes), st.sampled_from(extremes), st.text(characters, max_size=12), long)


def _file_texts(type: Type) -> st.SearchStrategy[str]:
    return st.one_of(st.sampled_from(TRAPS), _texts(type))


def _between(type: Type) -> st.SearchStrategy[Any]:
    """Integers, days or units of time."""
    near_zero = [value for value in (-1, 0, 1, 59, 999_999) if type.low <= value <= type.high]
    extremes = [type.low, type.high, *near_zero, *(_INFINITY if type.infinite else ())]
    return st.one_of(st.sampled_from(extremes), st.integers(type.low, type.high))


def _timestamps(type: Type) -> st.SearchStrategy[Any]:
    ticks = 10**type.unit
    # The last moment of a year: what rounds, rounds into the next one.
    moments = (1_735_689_600 * ticks - 1, 951_782_400 * ticks, 1_709_164_800 * ticks + ticks // 2)
    fitting = [moment for moment in moments if type.low <= moment <= type.high]
    return st.one_of(_between(type), st.sampled_from(fitting)) if fitting else _between(type)


def _floats(type: Type) -> st.SearchStrategy[float]:
    if type.single:
        extremes = st.sampled_from([_single(value) for value in _SINGLES])
        numbers = st.floats(allow_nan=type.infinite, allow_infinity=type.infinite, width=32)
    else:
        extremes = st.sampled_from(_FLOATS)
        numbers = st.floats(allow_nan=type.infinite, allow_infinity=type.infinite)
    found = st.one_of(extremes, numbers)
    # -0.0 + 0.0 is 0.0.
    return found if type.signed_zero else found.map(lambda number: number + 0.0)


def _single(value: float) -> float:
    number: float = struct.unpack("f", struct.pack("f", value))[0]
    return number


def _decimals(type: Type) -> st.SearchStrategy[Decimal]:
    largest = type.high or 10**type.digits - 1
    unscaled = st.one_of(st.sampled_from([0, 1, -1, largest, -largest]), st.integers(-largest, largest))
    return unscaled.map(lambda number: scaled(number, type.scale))


def scaled(number: int, scale: int) -> Decimal:
    """The number divided by a power of ten, with all its digits whatever the context's precision."""
    return Decimal((number < 0, tuple(map(int, str(abs(number)))), -scale))


def _numerics(type: Type) -> st.SearchStrategy[Decimal]:
    finite = st.tuples(st.integers(-(10**type.digits) + 1, 10**type.digits - 1), st.integers(0, type.scale))
    special = [Decimal("NaN"), Decimal("Infinity"), Decimal("-Infinity")] if type.infinite else []
    short = st.sampled_from([Decimal("0"), Decimal("0.10"), Decimal("-5"), Decimal("1000"), *special])
    return st.one_of(short, finite.map(lambda pair: scaled(*pair)))


def _intervals(type: Type) -> st.SearchStrategy[tuple[int, int, int]]:
    small = st.tuples(st.integers(-13, 13), st.integers(-40, 40), st.integers(-(10**12), 10**12))
    return st.one_of(st.sampled_from([(0, 0, 0), (14, -3, 1_500_000), (0, 0, 91_815_000_000)]), small)


def _json_texts(type: Type) -> st.SearchStrategy[str]:
    return st.sampled_from(
        ['{"a": 1}', "[]", "{}", '{"a":[1.10,null,{"b":"x"}]}', "null", "true", "-5", '"-5"', '"a\\nb"', "1.50",
         "12345678901234567890.123456789", '{"é":"\\u00e9"}', "[[[1]]]"]
    )  # fmt: skip


def _nested(type: Type, plain: bool) -> st.SearchStrategy[Any]:
    if type.kind is Kind.STRUCT:
        return st.tuples(*(values(part, plain=plain) for part in type.parts))
    if type.kind is Kind.MAP:
        keys, items = type.parts
        pairs = st.tuples(present(keys, plain=plain), values(items, plain=plain))
        return st.lists(pairs, max_size=3, unique_by=lambda pair: pair[0])
    (part,) = type.parts
    if not type.rectangular:
        return st.lists(values(part, plain=plain), max_size=3)
    return st.lists(st.integers(1, 2), min_size=3, max_size=3).flatmap(lambda sizes: _array(type, sizes, plain))


def _array(type: Type, sizes: list[int], plain: bool) -> st.SearchStrategy[Any]:
    if type.kind is not Kind.LIST:
        return values(type, plain=plain)
    return st.lists(_array(type.parts[0], sizes[1:], plain), min_size=sizes[0], max_size=sizes[0])


_STRATEGIES = {
    Kind.INTEGER: _between,
    Kind.FLOAT: _floats,
    Kind.DECIMAL: _decimals,
    Kind.NUMERIC: _numerics,
    Kind.BOOLEAN: lambda type: st.booleans(),
    Kind.DATE: _between,
    Kind.TIME: _between,
    Kind.TIMESTAMP: _timestamps,
    Kind.INTERVAL: _intervals,
    Kind.TEXT: _texts,
    Kind.JSON: _json_texts,
    Kind.UUID: lambda type: st.uuids(version=4) | st.just(uuid.UUID(int=0)),
    Kind.BINARY: lambda type: st.binary(max_size=12) | st.sampled_from([b"", b"\x00\xff", b"=1+1"]),
    Kind.FILE_TEXT: _file_texts,
}
