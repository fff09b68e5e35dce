"""The scalar types of parameters: how a value of each is read from JSON or text, written as JSON, and described."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from common.api.numbers import exact

# Bounded: Python takes quadratic time to read integers of many digits.
_INTEGER_TEXT = re.compile(r"[+-]?[0-9]{1,30}")
_NUMBER_TEXT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_MAX_NUMBER_TEXT = 400
# date.fromisoformat also reads 20240101, 2024-W01-1 and other forms that clients and people don't expect.
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATETIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
_BOOLEAN_TEXTS = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(("false", "no", "off", "0"), False)

#: Beyond this, several integers have the same float.
LARGEST_EXACT_FLOAT = 2**53
#: Whole numbers with more digits are kept as floats.
_MAX_WHOLE_DIGITS = 38
_LARGEST_EXPONENT = 307
_MAX_QUOTED = 40


class InvalidValue(ValueError):
    """A value is refused, for the reasons in `messages`: one sentence each."""

    def __init__(self, *messages: str) -> None:
        super().__init__(*messages)
        self.messages = list(messages)


@dataclass(frozen=True)
class Scalar:
    """A type. `from_json` and `from_text` raise InvalidValue; `from_json` reads back what `to_json` returns."""

    expected: str
    schema: Mapping[str, Any]
    from_json: Callable[[object], object]
    from_text: Callable[[str], object]
    to_json: Callable[[Any], object]


def quoted(value: object) -> str:
    """Return a value as messages quote it, shortened if it is long."""
    text = str(value)
    return f"“{text}”" if len(text) <= _MAX_QUOTED else f"“{text[:_MAX_QUOTED]}…” ({len(text):,} characters)"


def stable_number(value: object) -> object:
    """Return a whole number of more than 38 digits as a float, anything else unchanged.

    PostgreSQL's jsonb stores 1e300 as the integer with 301 digits, which isn't equal to the float. With this, a number
    is the same value before and after it was stored.
    """
    if isinstance(value, int) and abs(value) >= 10**_MAX_WHOLE_DIGITS:
        try:
            return float(value)
        except OverflowError:
            return value
    return value


def _expected(expected: str, value: object) -> InvalidValue:
    described = {bool: "true or false", type(None): "null", list: "a list", dict: "an object"}.get(type(value))
    if described is None and isinstance(value, str):
        described = f"the text {quoted(value)}"
    elif described is None:
        # str() refuses integers of more than 4,300 digits.
        is_huge = isinstance(value, int) and value.bit_length() > 256
        described = "so large a number" if is_huge else quoted(value)
    return InvalidValue(f"Must be {expected}, not {described}.")


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise _expected(_TEXT, value)
    if "\0" in value:
        raise InvalidValue("Must not contain NUL characters.")
    try:
        value.encode()
    except UnicodeEncodeError:
        # JSON can spell half of a surrogate pair, which no database or file can hold.
        raise InvalidValue("Must be valid Unicode text.") from None
    return value


def _integer(value: object) -> int:
    # To JSON Schema, 5.0 is the integer 5 (2020-12, 6.1.1).
    if isinstance(value, float) and value.is_integer() and exact(value) == exact(value).to_integral_value():
        value = int(exact(value))
    if isinstance(value, bool) or not isinstance(value, int):
        raise _expected(_INTEGER, value)
    if not -(2**63) <= value < 2**63:
        raise InvalidValue(f"Must be {_INTEGER} between {-(2**63)} and {2**63 - 1}.")
    return value


def _integer_from_text(text: str) -> int:
    if not _INTEGER_TEXT.fullmatch(text.strip()):
        raise _expected(_INTEGER, text)
    return _integer(int(text))


def _number(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise _expected(_NUMBER, value)
    if isinstance(value, int) and value.bit_length() > 1024:
        raise _expected(_NUMBER, value)
    return _storable(exact(value) if isinstance(value, float) else Decimal(value))


def _number_from_text(text: str) -> Decimal:
    if len(text) > _MAX_NUMBER_TEXT or not _NUMBER_TEXT.fullmatch(text.strip()):
        raise _expected(_NUMBER, text)
    try:
        return _storable(Decimal(text.strip()))
    except InvalidOperation:
        raise _expected(_NUMBER, text) from None


def _storable(number: Decimal) -> Decimal:
    """Refuse what JSON can't hold: a job's parameters are stored as JSON and have to come back equal."""
    if not number.is_finite() or (number and number.adjusted() > _LARGEST_EXPONENT):
        raise InvalidValue(f"Must be {_NUMBER} smaller than 1e308, not NaN or infinite.")
    if number and number.adjusted() < -_LARGEST_EXPONENT - 1:
        raise InvalidValue(f"Must be 0, or {_NUMBER} not closer to 0 than 1e-308.")
    if _number_to_json(number) is None:
        raise InvalidValue("Must be a number with at most 15 digits, or a whole number with at most 38.")
    return number


def _number_to_json(number: Decimal) -> int | float | None:
    if number == number.to_integral_value() and number.adjusted() < _MAX_WHOLE_DIGITS:
        return int(number)
    as_float = float(number)
    return as_float if Decimal(repr(as_float)) == number else None


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise _expected(_BOOLEAN, value)
    return value


def _boolean_from_text(text: str) -> bool:
    value = _BOOLEAN_TEXTS.get(text.strip().lower())
    if value is None:
        raise _expected(_BOOLEAN, text)
    return value


def _date(value: object) -> date:
    if not isinstance(value, str) or not _DATE.fullmatch(value.strip()):
        raise _expected(_DATE_LIKE, value)
    try:
        return date.fromisoformat(value.strip())
    except ValueError:
        raise InvalidValue(f"Must be {_DATE_LIKE}; {quoted(value)} is not in the calendar.") from None


def _datetime(value: object) -> datetime:
    """A time without an offset is UTC. Digits of a second beyond the sixth are cut."""
    if not isinstance(value, str) or not _DATETIME.fullmatch(value.strip()):
        raise _expected(_DATETIME_LIKE, value)
    try:
        moment = datetime.fromisoformat(value.strip().upper())
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidValue(f"Must be {_DATETIME_LIKE}; {quoted(value)} is not in the calendar.") from None


def _datetime_to_json(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


_TEXT = "text"
_INTEGER = "a whole number"
_NUMBER = "a number"
_BOOLEAN = "true or false"
_DATE_LIKE = "a date like 2013-12-31"
_DATETIME_LIKE = "a date and time like 2013-12-31T23:59:00Z"

SCALARS: dict[str, Scalar] = {
    "string": Scalar(_TEXT, {"type": "string"}, _string, _string, str),
    "integer": Scalar(_INTEGER, {"type": "integer"}, _integer, _integer_from_text, int),
    "number": Scalar(_NUMBER, {"type": "number"}, _number, _number_from_text, _number_to_json),
    "boolean": Scalar(_BOOLEAN, {"type": "boolean"}, _boolean, _boolean_from_text, bool),
    "date": Scalar(_DATE_LIKE, {"type": "string", "format": "date"}, _date, _date, date.isoformat),
    "datetime": Scalar(
        _DATETIME_LIKE, {"type": "string", "format": "date-time"}, _datetime, _datetime, _datetime_to_json
    ),
}
