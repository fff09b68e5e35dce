"""Common cron expressions in words, with a time of day."""

from __future__ import annotations

import re

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

DEFAULT_TIME = "07:00"
#: By name: the label of the button, and the expression with the place of minute and hour.
PRESETS: dict[str, tuple[str | Promise, str]] = {
    "daily": (_("Every day"), "{minute} {hour} * * *"),
    "weekdays": (_("Weekdays"), "{minute} {hour} * * MON-FRI"),
    "monday": (_("Every Monday"), "{minute} {hour} * * MON"),
    "first": (_("First of the month"), "{minute} {hour} 1 * *"),
    "last": (_("Last of the month"), "{minute} {hour} L * *"),
    "hourly": (_("Every hour"), "{minute} * * * *"),
}
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])(:[0-5][0-9])?")
_FIXED_TIME = re.compile(r"([0-9]{1,2}) ([0-9]{1,2}) (.*)")


def apply(preset: str, time: str) -> str:
    """Return the expression of a preset at this time of day, such as "07:00"; an unreadable one is the default."""
    match = _TIME.fullmatch(time) or _TIME.fullmatch(DEFAULT_TIME)
    assert match  # noqa: S101 -- the default matches
    return PRESETS[preset][1].format(minute=int(match[2]), hour=int(match[1]))


def time_of(expression: str) -> str:
    """Return the time of day of an expression with one, such as "07:00", else the default."""
    match = _FIXED_TIME.fullmatch(expression)
    return f"{int(match[2]):02}:{int(match[1]):02}" if match else DEFAULT_TIME


def at_time(expression: str, time: str) -> str:
    """Return the expression at another time of day; unchanged if it has no single one."""
    fixed, match = _FIXED_TIME.fullmatch(expression), _TIME.fullmatch(time)
    return f"{int(match[2])} {int(match[1])} {fixed[3]}" if fixed and match else expression


def words(expression: str) -> str:
    """Return the preset that the expression is of, with its time of day; "" for others."""
    time = time_of(expression)
    for name, (label, _pattern) in PRESETS.items():
        if apply(name, time) == expression:
            return str(label) if name == "hourly" else f"{label}, {time}"
    return ""
