"""What a reader may find where more than one spelling is right. Each compares equal to all of them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

#: Excel's serial numbers are doubles, and openpyxl and calamine round them to milliseconds.
_EXCEL_PRECISION = timedelta(milliseconds=1)
_CANONICAL_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
#: How a workbook says that a text was too long for a cell.
_CUT = re.compile(r"(.*)… \[cut: ([0-9,]+) characters\]", re.DOTALL)
#: A string, possibly without its end, or a number.
_JSON_TOKEN = re.compile(r'("(?:[^"\\]|\\.)*(?:"|\\?$))|(-?[0-9.]+)', re.DOTALL)
_ISO_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?)?")


@dataclass(frozen=True)
class Number:
    """A number of any type or in a text: the same digits, whatever zeros end its fraction."""

    value: Decimal

    def __eq__(self, other: object) -> bool:
        if isinstance(other, bool) or not isinstance(other, (str, int, float, Decimal)):
            return False
        try:
            read = Decimal(repr(other) if isinstance(other, float) else other)
        except InvalidOperation:
            return False
        return read == self.value or (read.is_nan() and self.value.is_nan())


@dataclass(frozen=True)
class Double:
    """A number in a cell of a workbook or in a Parquet file."""

    value: float

    def __eq__(self, other: object) -> bool:
        if isinstance(other, bool) or not isinstance(other, (int, float)):
            return False
        return other == self.value or (other != other and self.value != self.value)


@dataclass(frozen=True)
class JsonText:
    """JSON in a text, compared as values with all their digits. `prefix` is the guard's."""

    value: Any

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, str):
            return False
        try:
            read = parsed(other)
        except ValueError:
            return False
        return same_json(read, self.value)


@dataclass(frozen=True)
class CellJson:
    """JSON in a cell of a workbook, which is cut if it has more UTF-16 units than a cell holds.

    `text` is one way to write the value. A cell may write numbers with other zeros at their ends, which count.
    """

    value: Any
    text: str
    cell_units: int
    kept_units: int

    def __eq__(self, other: object) -> bool:
        cut = _CUT.fullmatch(other) if isinstance(other, str) else None
        if cut is None:
            return JsonText(self.value) == other and _units(str(other)) <= self.cell_units
        # Half of a surrogate pair isn't kept.
        has_right_length = self.kept_units - _units(cut[1]) in (0, 1) and int(cut[2].replace(",", "")) > len(cut[1])
        return has_right_length and _with_short_numbers(self.text).startswith(_with_short_numbers(cut[1]))


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _with_short_numbers(json_text: str) -> str:
    """JSON whose end may be missing, without zeros at the ends of fractions and without a number at its end."""
    return _JSON_TOKEN.sub(_short_number, json_text)


def _short_number(match: re.Match[str]) -> str:
    number = match[2]
    if number is None or match.end() == len(match.string):
        return match[1] or ""
    return number.rstrip("0").rstrip(".") if "." in number else number


@dataclass(frozen=True)
class ExcelMoment:
    """A date or a date with a time in a workbook. Readers differ in whether a date has a time."""

    value: datetime

    def __eq__(self, other: object) -> bool:
        if type(other) is date:
            other = datetime(other.year, other.month, other.day)
        return isinstance(other, datetime) and abs(other - self.value) <= _EXCEL_PRECISION


@dataclass(frozen=True)
class ExcelTime:
    """A time in a workbook; `value` is the time since midnight."""

    value: timedelta

    def __eq__(self, other: object) -> bool:
        if isinstance(other, datetime) or not hasattr(other, "hour"):
            return isinstance(other, timedelta) and abs(other - self.value) <= _EXCEL_PRECISION
        clock: Any = other
        read = timedelta(hours=clock.hour, minutes=clock.minute, seconds=clock.second, microseconds=clock.microsecond)
        return abs(read - self.value) <= _EXCEL_PRECISION


@dataclass(frozen=True)
class SameAsInFile:
    """The text of a file without types: unchanged, or the value that this text is in every notation of it.

    A text with leading zeros, blanks or underscores, a date of another notation and the like have to stay text.
    """

    text: str
    #: What the format makes of the unchanged text.
    written: str

    def __eq__(self, other: object) -> bool:
        if other == self.written:
            return True
        if isinstance(other, bool):
            return self.text == ("true" if other else "false")
        if isinstance(other, (int, float, Decimal)) or (isinstance(other, str) and _CANONICAL_NUMBER.fullmatch(other)):
            return _is_same_number(other, self.text)
        if isinstance(other, str):
            return _moment(other) is not None and _moment(other) == _moment(self.text)
        if type(other) is date or isinstance(other, datetime):
            moment = _moment(self.text)
            return moment is not None and ExcelMoment(moment.replace(tzinfo=None)) == other
        return isinstance(other, tuple) and _is_same_moment(other, self.text)


def is_canonical_number(text: str) -> bool:
    """Whether the text is how a number is written, so that nothing is lost when it is read as one."""
    return _CANONICAL_NUMBER.fullmatch(text) is not None and not (text.startswith("-0") and not Decimal(text))


def _is_same_number(read: Any, text: str) -> bool:
    if not is_canonical_number(text):
        return False
    return bool(read == float(text)) if isinstance(read, float) else Decimal(read) == Decimal(text)


def _moment(text: str) -> datetime | None:
    """The date or moment that an ISO text names, in UTC if it has a zone; None if it names none."""
    if not _ISO_MOMENT.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment


def _is_same_moment(read: tuple[str, int], text: str) -> bool:
    moment = _moment(text)
    if moment is None or read[0] == "time":
        return False
    since = moment.replace(tzinfo=None) - datetime(1970, 1, 1)
    units = since // timedelta(days=1) if read[0] == "date" else since // timedelta(microseconds=1) * 1_000
    return read[1] == units


def parsed(text: str) -> Any:
    """JSON with all digits."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def same_json(read: Any, expected: Any) -> bool:
    """Whether two JSON values are equal, with the order of keys, and `true` other than 1."""
    if isinstance(expected, dict):
        return (
            isinstance(read, dict)
            and list(read) == list(expected)
            and all(same_json(read[key], value) for key, value in expected.items())
        )
    if isinstance(expected, list):
        return (
            isinstance(read, list)
            and len(read) == len(expected)
            and all(same_json(item, other) for item, other in zip(read, expected, strict=True))
        )
    if isinstance(expected, bool) or isinstance(read, bool):
        return read is expected or (isinstance(expected, SameAsInFile) and expected == read)
    if isinstance(expected, (int, Decimal)):
        return isinstance(read, (int, Decimal)) and Decimal(read) == Decimal(expected)
    return bool(expected == read)
