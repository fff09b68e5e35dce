"""The six scalar types of a parameter: what each is read from, written to, and called in a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

_INTEGER = re.compile(r"[+-]?[0-9]{1,30}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATETIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
_BOOLEANS = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(("false", "no", "off", "0"), False)
_MAX_DIGITS = 400
LARGEST_EXACT_FLOAT = 2**53
_MAX_SHOWN = 40


class InvalidValue(ValueError):
    """A value is not acceptable, for the reasons in `messages`."""

    def __init__(self, *messages: str) -> None:
        super().__init__(*messages)
        self.messages = list(messages)


@dataclass(frozen=True)
class Scalar:
    """One type. `from_json` and `from_text` raise InvalidValue; from_json reads back what `to_json` gives."""

    expected: str
    schema: Mapping[str, Any]
    from_json: Callable[[object], object]
    from_text: Callable[[str], object]
    to_json: Callable[[Any], object]


def quoted(value: object) -> str:
    """A value as it may stand in a message: quoted, and cut when it is long."""
    text = str(value)
    return f"“{text}”" if len(text) <= _MAX_SHOWN else f"“{text[:_MAX_SHOWN]}…” ({len(text):,} characters)"


def _refuse(expected: str, value: object) -> InvalidValue:
    shown = {bool: "true or false", type(None): "null", list: "a list", dict: "an object"}.get(type(value))
    kind = shown or (f"the text {quoted(value)}" if isinstance(value, str) else _number_shown(value))
    return InvalidValue(f"Must be {expected}, not {kind}.")


def _number_shown(value: object) -> str:
    """Also of an integer that is too long for str(), which Python refuses beyond 4,300 digits."""
    if isinstance(value, int) and value.bit_length() > 256:
        return "so large a number"
    return quoted(value)


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise _refuse(_TEXT, value)
    if "\0" in value:
        raise InvalidValue("Must be a text without NUL characters.")
    try:
        value.encode()
    except UnicodeEncodeError:
        # JSON can spell half of a surrogate pair, which no database or file can hold.
        raise InvalidValue("Must be a text of whole Unicode characters.") from None
    return value


def _integer(value: object) -> int:
    # JSON Schema has 5.0 for the integer 5 (2020-12, 6.1.1). Beyond these bounds a float is no one integer any more.
    if isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST_EXACT_FLOAT:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _refuse(_WHOLE, value)
    if not -(2**63) <= value < 2**63:
        raise InvalidValue(f"Must be {_WHOLE} between {-(2**63)} and {2**63 - 1}.")
    return value


def _integer_text(text: str) -> int:
    if not _INTEGER.fullmatch(text.strip()):
        raise _refuse(_WHOLE, text)
    return _integer(int(text))


def _number(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise _refuse(_NUMERIC, value)
    if isinstance(value, int) and value.bit_length() > 1024:
        raise _refuse(_NUMERIC, value)
    return _exact(Decimal(repr(value)) if isinstance(value, float) else Decimal(value))


def _number_text(text: str) -> Decimal:
    if len(text) > _MAX_DIGITS or not _NUMBER.fullmatch(text.strip()):
        raise _refuse(_NUMERIC, text)
    try:
        return _exact(Decimal(text.strip()))
    except InvalidOperation:
        raise _refuse(_NUMERIC, text) from None


def _exact(number: Decimal) -> Decimal:
    """Refuses what JSON cannot carry: a job's parameters are stored as JSON and must come back equal."""
    if not number.is_finite() or (number and not -308 <= number.adjusted() <= 307):
        raise InvalidValue(f"Must be {_NUMERIC}, smaller than 1e308 and not NaN or infinite.")
    if _number_json(number) is None:
        raise InvalidValue("Must be a number with at most 15 digits, or a whole number with at most 38.")
    return number


def _number_json(number: Decimal) -> int | float | None:
    whole = number == number.to_integral_value()
    if whole and number.adjusted() < 38:
        return int(number)
    as_float = float(number)
    return as_float if Decimal(repr(as_float)) == number else None


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise _refuse(_TRUTH, value)
    return value


def _boolean_text(text: str) -> bool:
    value = _BOOLEANS.get(text.strip().lower())
    if value is None:
        raise _refuse(_TRUTH, text)
    return value


def _date(value: object) -> date:
    if not isinstance(value, str) or not _DATE.fullmatch(value.strip()):
        raise _refuse(_DAY, value)
    try:
        return date.fromisoformat(value.strip())
    except ValueError:
        raise InvalidValue(f"Must be {_DAY}; {quoted(value)} is not in the calendar.") from None


def _datetime(value: object) -> datetime:
    if not isinstance(value, str) or not _DATETIME.fullmatch(value.strip()):
        raise _refuse(_MOMENT, value)
    try:
        moment = datetime.fromisoformat(value.strip().upper())
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidValue(f"Must be {_MOMENT}; {quoted(value)} is not in the calendar.") from None


def _datetime_json(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


_TEXT = "a text"
_WHOLE = "a whole number"
_NUMERIC = "a number"
_TRUTH = "true or false"
_DAY = "a date like 2013-12-31"
_MOMENT = "a date and time like 2013-12-31T23:59:00Z"

SCALARS: dict[str, Scalar] = {
    "string": Scalar(_TEXT, {"type": "string"}, _string, _string, str),
    "integer": Scalar(_WHOLE, {"type": "integer"}, _integer, _integer_text, int),
    "number": Scalar(_NUMERIC, {"type": "number"}, _number, _number_text, _number_json),
    "boolean": Scalar(_TRUTH, {"type": "boolean"}, _boolean, _boolean_text, bool),
    "date": Scalar(_DAY, {"type": "string", "format": "date"}, _date, _date, date.isoformat),
    "datetime": Scalar(_MOMENT, {"type": "string", "format": "date-time"}, _datetime, _datetime, _datetime_json),
}
