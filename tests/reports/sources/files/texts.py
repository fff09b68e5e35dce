"""Texts that look like values, and whether a value says the same as a text: read by Python, not by DuckDB."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation

from hypothesis import strategies as st

_DIGITS = st.text("0123456789", min_size=1, max_size=20)
_CLOCKS = st.times().map(time.isoformat)
_STAMPS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31))
#: Ordinary texts of each type.
VALUES = {
    "integer": st.integers(-(2**70), 2**70).map(str) | st.integers(-999, 9999).map(str),
    "decimal": st.decimals(-(10**9), 10**9, places=2).map(str) | st.decimals(-10, 10, places=4).map(str),
    "double": st.floats().map(repr),
    "date": st.dates().map(date.isoformat),
    "timestamp": _STAMPS.map(lambda value: value.isoformat(" ")) | _STAMPS.map(datetime.isoformat),
    "instant": st.builds(
        lambda value, zone: value.isoformat() + zone, _STAMPS, st.sampled_from(["Z", "+01:00", "-03:30", "+05"])
    ),
    "time": _CLOCKS,
    "boolean": st.sampled_from(["true", "false", "True", "FALSE"]),
}
#: Texts that say more than a value of the type would, or that programs read in different ways.
ODD = st.sampled_from(
    [
    "00071", "-0", "+5", " 5", "5 ", "1_000", "0x1F", "1e2", "1E+2", "nan", "NaN", "inf", "-Infinity", "5.",
    ".5", "-.5", "99.5", "0.49", "1.75", "-0.00", "9" * 39, "1e400", "1e-400", "1.5e-300",
    "12345678901234567891", "649686000000001631.44", "1/2/24", "01/02/2024", "2024-1-2", "0000-01-01",
    "12024-01-01", "infinity", "epoch", "2024-03-01 13:45:00", "2024-03-01 13:45:00+01",
    "2024-03-01 13:45:00.1234567", "2024-03-01T13:45:00Z", "24:00:00", "25:00:00", "10:00", "t", "TRUE", "n/a",
    "x", "ü", "\t", "\\N", "NULL", "#1",
]
)  # fmt: skip
TEXTS = st.one_of(
    *VALUES.values(),
    ODD,
    _DIGITS,
    st.builds("{}.{}".format, _DIGITS, _DIGITS),
    st.text(max_size=5).filter(lambda text: "\0" not in text),
)


def says(value: object, text: str) -> bool:
    """Whether a value that was read is what the text says; an empty text can be NULL."""
    if isinstance(value, str) or value is None:
        return (value or "") == text
    if str(value) == text:
        return True
    try:
        return _parsed(value, text)
    except (ValueError, InvalidOperation):
        return False


def _parsed(value: object, text: str) -> bool:
    if text != text.strip() or "_" in text or text.startswith("+"):
        return False
    if isinstance(value, bool):
        return text.lower() == str(value).lower()
    if isinstance(value, float):
        written = Decimal(repr(value)) if math.isfinite(value) else Decimal(value)
        return str(written) == str(Decimal(text)) if math.isnan(value) else written == Decimal(text)
    if isinstance(value, int | Decimal):
        return Decimal(value) == Decimal(text) and not re.match(r"-?0[0-9]", text)
    if isinstance(value, datetime):
        parsed = datetime.fromisoformat(text)
        return parsed == value.replace(tzinfo=None) if parsed.tzinfo is None else parsed == value.astimezone(UTC)
    if isinstance(value, date):
        return value.isoformat() == text
    if isinstance(value, time):
        # Python has no 24:00:00.
        return time.fromisoformat(text.replace("24:00:00", "00:00:00")) == value
    raise TypeError(value)
