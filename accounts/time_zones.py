"""Names of time zones, as in the IANA database."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones

NO_SUCH_ZONE = "There is no such time zone. Use a name like Europe/Berlin, America/New_York or UTC."


def is_time_zone(name: str) -> bool:
    return name in _names()


@cache
def _names() -> frozenset[str]:
    # Reads some hundred files.
    return frozenset(available_timezones())
