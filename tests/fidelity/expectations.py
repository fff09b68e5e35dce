"""What each format promises for each type: the one home of docs/formats.md's tables of types.

`expected` computes what a reader of a file has to find. It shares nothing with the code that writes the file.
"""

from __future__ import annotations

import json
import math
import re
import struct
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.fidelity.calendar_text import date_text, time_text, timestamp_text
from tests.fidelity.matching import (
    CellJson,
    Double,
    ExcelMoment,
    ExcelTime,
    JsonText,
    Number,
    SameAsInFile,
    is_canonical_number,
    parsed,
)
from tests.fidelity.tables import Kind, Type

_EXCEL_DIGITS = 15
_EXCEL_UNITS, _KEPT_UNITS = 32_767, 32_700
#: 1 March 1900: Excel counts a 29 February 1900, so it shows the days before with another date.
_EXCEL_FIRST, _EXCEL_LAST = -25_508, 2_932_896
#: Seconds before Excel's day 65,536, since 1970 and since Excel's first day.
_EXCEL_2079, _EXCEL_2079_DURATION = (65_536 - 25_569) * 86_400, 65_536 * 86_400
_FORMULA = re.compile("[-=+@\t\r\n\x00\uff1d\uff0b\uff0d\uff20]")
#: What starts like a formula and isn't one: a negative number, time, or PostgreSQL's text of an interval.
_HARMLESS = re.compile(r"-[0-9:.]+( (years?|mons?|days?)( [-+]?[0-9:.]+)?)*")
_NESTED = frozenset({Kind.LIST, Kind.STRUCT, Kind.MAP})
#: Kinds that are texts to the guard of csv.
_GUARDED = frozenset({Kind.TEXT, Kind.SERVER_TEXT, Kind.FILE_TEXT})


class Impossible(Exception):
    """The format can't hold a value, and the run has to fail with a sentence that says so."""


def expected(format: str, type: Type, value: Any) -> Any:
    """What a reader of the format finds. NULL is None in every format. Raises Impossible."""
    if value is None:
        return None
    return _EXPECTED[format](type, value)


# ---- csv, and what the formats for people take from it


def text(type: Type, value: Any) -> Any:
    """The value as csv has it, without the guard."""
    if type.kind in _NESTED:
        return JsonText(json_value(type, value))
    return _TEXTS[type.kind](type, value)


def _csv(type: Type, value: Any) -> Any:
    plain = text(type, value)
    if type.kind is Kind.FILE_TEXT:
        return SameAsInFile(value, _guard(value))
    return _guard(plain) if type.kind in _GUARDED else plain


def _guard(plain: str) -> str:
    return f"'{plain}" if _FORMULA.match(plain) and not _HARMLESS.fullmatch(plain) else plain


def _html(type: Type, value: Any) -> Any:
    if type.kind is Kind.INTERVAL:
        return _interval_for_people(value)
    if type.kind is Kind.TIMESTAMP:
        return _timestamp_for_people(type, value)
    if type.kind is Kind.FLOAT and not type.single and math.isfinite(value):
        return Number(Decimal(f"{value:.12g}"))
    if type.kind in (Kind.TEXT, Kind.FILE_TEXT, Kind.SERVER_TEXT):
        shown = "".join(chr(0x2400 + ord(c)) if ord(c) < 32 and c not in "\t\n\r" else c for c in value)
        # A browser reads every line end as a line feed.
        shown = shown.replace("\r\n", "\n").replace("\r", "\n")
        return SameAsInFile(value, shown) if type.kind is Kind.FILE_TEXT else shown
    return text(type, value)


def _timestamp_for_people(type: Type, value: Any) -> str:
    shown = timestamp_text(value, type.unit, zoned=type.zoned, separator=" ")
    return re.sub(r"(?: 00:00:00(?:\.0+)?Z?|\.0+(Z?))$", lambda match: match[1] or "", shown)


def _float_for_people(type: Type, value: float) -> str:
    """A double with twelve significant digits, and exponents only from 1e16 on."""
    if type.single or not math.isfinite(value):
        return float_text(value, single=type.single)
    rounded = float(f"{value:.12g}")
    return repr(rounded).removesuffix(".0") if 1e10 <= abs(rounded) < 1e16 else float_text(rounded)


def _pdf(type: Type, value: Any) -> Any:
    """As a regular expression, because a page has no cells to compare one by one; blanks don't count."""
    shown = text(type, value)
    if type.kind is Kind.JSON:
        # Most sources keep the text as it is. PostgreSQL's jsonb writes the value anew, without escapes.
        return f"(?:{_plain_pattern(value)}|{_json_pattern(shown.value)})"
    if isinstance(shown, JsonText):
        return _json_pattern(shown.value)
    if isinstance(shown, SameAsInFile):
        return _file_text_pattern(shown.text)
    if type.kind is Kind.NUMERIC:
        return _number_pattern(value)
    if type.kind is Kind.INTERVAL:
        shown = _interval_for_people(value)
    elif type.kind is Kind.FLOAT:
        shown = _float_for_people(type, value)
    elif type.kind is Kind.TIMESTAMP:
        shown = _timestamp_for_people(type, value)
    return _plain_pattern(shown)


def _plain_pattern(shown: str) -> str:
    codes = "".join(f"[U+{ord(c):04X}]" if ord(c) < 32 and c not in "\t\n\r" else c for c in shown)
    return re.escape("".join(codes.split()))


def _file_text_pattern(shown: str) -> str:
    plain = _plain_pattern(shown)
    return f"(?:{plain}|{_number_pattern(Decimal(shown))})" if is_canonical_number(shown) else plain


def _number_pattern(value: Decimal) -> str:
    """A number with any zeros at the end of its fraction; or as a float, if that is exact."""
    if not value.is_finite():
        return str(value)
    digits, _, fraction = format(value, "f").partition(".")
    fraction = fraction.rstrip("0")
    plain = re.escape(f"{digits}.{fraction}") + "0*" if fraction else re.escape(digits) + r"(?:\.0+)?"
    is_float = Decimal(repr(float(value))) == value
    return f"(?:{plain}|{re.escape(float_text(float(value)))})" if is_float else plain


def _json_pattern(value: Any) -> str:
    if isinstance(value, dict):
        items = ",".join(f"{_json_pattern(key)}:{_json_pattern(item)}" for key, item in value.items())
        return rf"\{{{items}\}}"
    if isinstance(value, list):
        return rf"\[{','.join(map(_json_pattern, value))}\]"
    if isinstance(value, Decimal) and not isinstance(value, _Float):
        return _number_pattern(value)
    return _plain_pattern(json_text(value))


def float_text(value: float, *, single: bool = False) -> str:
    """The shortest digits that read back as the same number, with an exponent from 1e10 and below 1e-6."""
    if not math.isfinite(value):
        return str(value)
    exact = shortest(value, single=single)
    digits, exponent = "".join(map(str, exact.as_tuple().digits)).rstrip("0") or "0", exact.adjusted() if exact else 0
    sign = "-" if math.copysign(1, value) < 0 else ""
    if exact and not -6 <= exponent < 10:
        fraction = f".{digits[1:]}" if digits[1:] else ""
        return f"{sign}{digits[0]}{fraction}e{'+' if exponent > 0 else '-'}{abs(exponent)}"
    plain = format(abs(exact), "f")
    return sign + (plain.rstrip("0").rstrip(".") if "." in plain else plain)


def shortest(value: float, *, single: bool) -> Decimal:
    if not single or not math.isfinite(value):
        return Decimal(repr(value))
    for digits in range(1, 10):
        shorter = f"{value:.{digits}g}"
        # A value that rounds up beyond the largest one can't be packed.
        with suppress(OverflowError):
            if struct.pack("f", float(shorter)) == struct.pack("f", value):
                return Decimal(shorter)
    raise AssertionError(value)


def _interval(type: Type, value: tuple[int, int, int]) -> str:
    months, days, microseconds = value
    seconds = format((Decimal(abs(microseconds)) / 10**6).normalize(), "f")
    parts = (f"{months}M" if months else "") + (f"{days}D" if days else "")
    clock = f"T{'-' if microseconds < 0 else ''}{seconds}S" if microseconds or not parts else ""
    return f"P{parts}{clock}"


def _interval_for_people(value: tuple[int, int, int]) -> str:
    """`1 year 2 months -3 days 0:00:01.5`. Years are twelve months of the same sign."""
    months, days, microseconds = value
    years = int(months / 12)
    parts = ((years, "year"), (months - 12 * years, "month"), (days, "day"))
    words = [f"{count:,} {unit}{'' if abs(count) == 1 else 's'}" for count, unit in parts if count]
    if microseconds or not words:
        seconds, fraction = divmod(abs(microseconds), 10**6)
        clock = f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{fraction:06d}".rstrip("0").rstrip(".")
        words.append(f"{'-' if microseconds < 0 else ''}{clock if fraction else clock.partition('.')[0]}")
    return " ".join(words)


_TEXTS: Mapping[Kind, Callable[[Type, Any], Any]] = {
    Kind.INTEGER: lambda type, value: str(value),
    Kind.FLOAT: lambda type, value: Number(shortest(value, single=type.single)),
    Kind.DECIMAL: lambda type, value: format(value, "f"),
    Kind.NUMERIC: lambda type, value: Number(value),
    Kind.BOOLEAN: lambda type, value: "true" if value else "false",
    Kind.DATE: lambda type, value: date_text(value),
    Kind.TIME: lambda type, value: time_text(value, type.unit),
    Kind.TIMESTAMP: lambda type, value: timestamp_text(value, type.unit, zoned=type.zoned),
    Kind.INTERVAL: _interval,
    Kind.TEXT: lambda type, value: value,
    Kind.SERVER_TEXT: lambda type, value: value,
    Kind.FILE_TEXT: lambda type, value: SameAsInFile(value, value),
    Kind.JSON: lambda type, value: JsonText(parsed(value)),
    Kind.UUID: lambda type, value: str(value),
    Kind.BINARY: lambda type, value: value.hex(),
}


# ---- json


class _Float(Decimal):
    """A number that was a float, and its text."""

    text: str

    @classmethod
    def of(cls, value: float, *, single: bool) -> _Float:
        number = cls(shortest(value, single=single))
        number.text = float_text(value, single=single)
        return number


def json_value(type: Type, value: Any) -> Any:
    """The value as Python reads the JSON, with numbers as Decimal."""
    if value is None:
        return None
    if type.kind is Kind.LIST:
        return [json_value(type.parts[0], item) for item in value]
    if type.kind is Kind.STRUCT:
        return {name: json_value(part, item) for name, part, item in zip(type.names, type.parts, value, strict=True)}
    if type.kind is Kind.MAP:
        keys, items = type.parts
        if keys.kind is Kind.TEXT:
            return {key: json_value(items, item) for key, item in value}
        return [[json_value(keys, key), json_value(items, item)] for key, item in value]
    if type.kind is Kind.JSON:
        return parsed(value)
    if type.kind is Kind.BOOLEAN:
        return value
    if type.kind is Kind.BINARY:
        return b64encode(value).decode()
    if type.kind in (Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL, Kind.NUMERIC):
        if type.kind is Kind.FLOAT and math.isfinite(value):
            return _Float.of(value, single=type.single)
        return Decimal(value) if Decimal(value).is_finite() else None
    return text(type, value)


def json_text(value: Any) -> str:
    """JSON without blanks, with all digits."""
    if isinstance(value, dict):
        return f"{{{','.join(f'{json_text(key)}:{json_text(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{','.join(map(json_text, value))}]"
    if isinstance(value, _Float):
        return value.text
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, SameAsInFile):
        return json_text(value.text)
    # Control characters are \u0007 here, and \n, \r and \t.
    return re.sub(
        r"\\([bf])", lambda match: {"b": "\\u0008", "f": "\\u000c"}[match[1]], json.dumps(value, ensure_ascii=False)
    )


# ---- xlsx


def _xlsx(type: Type, value: Any) -> Any:
    if type.kind is Kind.BOOLEAN:
        return value
    if type.kind is Kind.FLOAT:
        # A float of 32 bits has the digits of csv. As a double, 0.1 would be 0.10000000149011612.
        return Double(float(shortest(value, single=type.single))) if math.isfinite(value) else str(value)
    if type.kind in (Kind.INTEGER, Kind.DECIMAL, Kind.NUMERIC):
        number = Decimal(value)
        if number.is_finite() and _significant_digits(number) <= _EXCEL_DIGITS:
            return Double(float(number))
        return text(type, value)
    if type.kind is Kind.DATE and _EXCEL_FIRST <= value <= _EXCEL_LAST:
        return ExcelMoment(datetime(1970, 1, 1) + timedelta(days=value))
    if type.kind is Kind.TIMESTAMP and not math.isinf(value) and _is_shown_right(value, type.unit, _EXCEL_2079):
        seconds, rest = divmod(value, 10**type.unit)
        if _EXCEL_FIRST <= seconds // 86_400 <= _EXCEL_LAST:
            microseconds = rest * 10**6 // 10**type.unit
            return ExcelMoment(datetime(1970, 1, 1) + timedelta(seconds=seconds, microseconds=microseconds))
    if type.kind is Kind.TIME and value < 86_400 * 10**type.unit and _is_shown_right(value, type.unit, _EXCEL_2079):
        return ExcelTime(timedelta(microseconds=value * 10**6 // 10**type.unit))
    if type.kind is Kind.INTERVAL:
        months, days, microseconds = value
        if not months and not days and microseconds >= 0 and _is_shown_right(microseconds, 6, _EXCEL_2079_DURATION):
            return ExcelTime(timedelta(microseconds=microseconds))
        return _interval_for_people(value)
    plain = text(type, value)
    if type.kind is Kind.FILE_TEXT:
        return SameAsInFile(value, _fitting(value))
    if isinstance(plain, JsonText):
        return _json_in_cell(plain.value)
    return _fitting(plain) if isinstance(plain, str) else plain


def _is_shown_right(ticks: int, unit: int, end: int) -> bool:
    """Whether a number holds the moment to the microsecond, and viewers show it within its second.

    They round to milliseconds. From the second `end` on, a double doesn't distinguish microseconds.
    """
    nanoseconds = ticks * 10 ** (9 - unit)
    if nanoseconds % 1_000:
        return False
    return not nanoseconds % 10**6 or (nanoseconds % 10**9 < 999_500_000 and nanoseconds < end * 10**9)


def _significant_digits(number: Decimal) -> int:
    return len(
        format(number.copy_abs(), "f").rstrip("0" if number.as_tuple().exponent else "").replace(".", "").lstrip("0")
    )


def _json_in_cell(value: Any) -> CellJson:
    plain = json_text(value)
    shown = _in_xml(plain)
    return CellJson(value if shown == plain else parsed(shown), shown, _EXCEL_UNITS, _KEPT_UNITS)


def _in_xml(plain: str) -> str:
    """The text without the two characters that XML can't contain."""
    return plain.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")


def _fitting(plain: str) -> str:
    """The text as a cell holds it: cut, and without what XML can't contain."""
    units = plain.encode("utf-16-le")
    if len(units) > 2 * _EXCEL_UNITS:
        kept = units[: 2 * _KEPT_UNITS].decode("utf-16-le", "ignore")
        plain = f"{kept}… [cut: {len(plain):,} characters]"
    return _in_xml(plain)


# ---- parquet


def _parquet(type: Type, value: Any) -> Any:
    """The value as `arrow_arrays.from_array` reads it."""
    if value is None:
        return None
    if type.kind in _NESTED and _has(Kind.INTERVAL, type):
        return JsonText(json_value(type, value))
    if type.kind is Kind.LIST:
        return [_parquet(type.parts[0], item) for item in value]
    if type.kind is Kind.STRUCT:
        return {name: _parquet(part, item) for name, part, item in zip(type.names, type.parts, value, strict=True)}
    if type.kind is Kind.MAP:
        return [tuple(_parquet(part, item) for part, item in zip(type.parts, pair, strict=True)) for pair in value]
    if type.kind in (Kind.DATE, Kind.TIMESTAMP):
        if math.isinf(value):
            raise Impossible
        return ("date", value) if type.kind is Kind.DATE else ("timestamp", value * 10 ** (9 - type.unit))
    if type.kind is Kind.TIME:
        return ("time", value * 10 ** (9 - type.unit))
    if type.kind is Kind.FLOAT:
        return Double(value)
    if type.kind is Kind.DECIMAL:
        return value if type.digits <= 39 else format(value, "f")
    if type.kind in (Kind.INTEGER, Kind.BOOLEAN, Kind.BINARY):
        return value
    return text(type, value)


def _has(kind: Kind, type: Type) -> bool:
    return type.kind is kind or any(_has(kind, part) for part in type.parts)


_EXPECTED: Mapping[str, Callable[[Type, Any], Any]] = {
    "csv": _csv,
    "json": json_value,
    "ndjson": json_value,
    "xlsx": _xlsx,
    "parquet": _parquet,
    "html": _html,
    "pdf": _pdf,
}
