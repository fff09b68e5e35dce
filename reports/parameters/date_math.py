"""Relative dates in the notation of Elasticsearch and Grafana: "now-1M/M" is the first day of last month.

`now` or `today` (midnight), then up to ten steps from left to right: "+3d", "-1M", and "/M", which rounds down. Units
are y, Q, M, w (ISO weeks, from Monday), d, h and m. A result is a date in a zone's calendar, or an instant.

Days and longer units step the calendar, and months clip: January 31 plus one month is February 28 or 29. Hours and
minutes are elapsed time. A local time that the zone skips becomes the first one after the gap; of two equal local
times, the earlier is meant.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from reports.parameters.scalars import InvalidValue, quoted

MAX_STEPS = 10
#: The types of parameters that take relative dates.
DATE_TYPES = ("date", "datetime")
#: What JSON Schema says about a relative date.
PATTERN = rf"^(now|today)([+-][0-9]{{1,10}}[yQMwdhm]|/[yQMwdhm]){{0,{MAX_STEPS}}}$"

_WORDS = re.compile(r"now|today")
_STEP = re.compile(r"(?P<sign>[+-])(?P<count>[0-9]{1,10})(?P<unit>[yQMwdhm])|/(?P<round>[yQMwdhm])")
_MONTHS = {"y": 12, "Q": 3, "M": 1}
_DAYS = {"w": 7, "d": 1}
_SECONDS = {"h": 3600, "m": 60}


@dataclass(frozen=True)
class Moment:
    """What the relative dates of one request are resolved against: an instant, and the zone whose calendar counts."""

    instant: datetime
    zone: ZoneInfo

    @classmethod
    def of(cls, instant: datetime, *zones: str | None) -> Moment:
        """Return the moment in the first zone that is named; in UTC if none is."""
        return cls(instant, ZoneInfo(next(filter(None, zones), None) or "UTC"))


@dataclass(frozen=True)
class _Step:
    """Add `count` units; or, if it is None, round down to the start of the unit."""

    unit: str
    count: int | None


def is_relative(raw: object) -> bool:
    """Whether the value is meant as a relative date, right or wrong."""
    return isinstance(raw, str) and bool(_WORDS.match(raw.strip()))


def check(text: str) -> None:
    """Raise InvalidValue unless the text is a relative date."""
    _steps(text.strip())


def resolve(type: str, text: str, moment: Moment) -> date | datetime:
    """Return the local date (type "date") or the UTC instant ("datetime") that the text means. Raises InvalidValue."""
    text = text.strip()
    local = moment.instant.astimezone(moment.zone)
    try:
        for step in _steps(text):
            local = _round(local, step.unit) if step.count is None else _add(local, step.unit, step.count)
        return local.date() if type == "date" else local.astimezone(UTC)
    except (OverflowError, ValueError) as error:
        if isinstance(error, InvalidValue):
            raise
        raise InvalidValue(f"{quoted(text)} is not between the years 1 and 9999.") from None


def existing(naive: datetime, zone: ZoneInfo) -> datetime:
    """Return this local time: the first after the gap if the zone skips it, the earlier one if it occurs twice."""
    local = naive.replace(tzinfo=zone, fold=0)
    before, after = _offset(local), _offset(local.replace(fold=1))
    if before >= after:
        return local
    # In a gap. The clock is put forward between these two instants: before the first, the old offset applies.
    low, high = naive - after, naive - before
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        low, high = (low, middle) if _offset(_from_utc(middle, zone)) != before else (middle, high)
    return _from_utc(high.replace(microsecond=0), zone)


@lru_cache(maxsize=1_000)
def _steps(text: str) -> tuple[_Step, ...]:
    word = _WORDS.match(text)
    if word is None:
        raise InvalidValue(f"A relative date starts with now or today, not {quoted(text)}.")
    steps = [_Step("d", None)] if word.group() == "today" else []
    found, at = 0, word.end()
    while at < len(text):
        step = _STEP.match(text, at)
        if found == MAX_STEPS and step:
            # Before the rest is read, which can be as long as a request.
            raise InvalidValue(f"{quoted(text)} has more than {MAX_STEPS} steps.")
        if step is None:
            raise InvalidValue(
                f"{quoted(text)} can't be read from {quoted(text[at:])} on. "
                "Steps look like +3d, -1M or /M, with the units y, Q, M, w, d, h and m."
            )
        steps.append(
            _Step(step["round"], None) if step["round"] else _Step(step["unit"], int(step["sign"] + step["count"]))
        )
        found, at = found + 1, step.end()
    return tuple(steps)


def _add(local: datetime, unit: str, count: int) -> datetime:
    if unit in _SECONDS:
        instant = local.astimezone(UTC) + timedelta(seconds=count * _SECONDS[unit])
        return instant.astimezone(local.tzinfo)
    naive = local.replace(tzinfo=None)
    moved = _add_months(naive, count * _MONTHS[unit]) if unit in _MONTHS else naive + timedelta(count * _DAYS[unit])
    return existing(moved, _zone(local))


def _add_months(naive: datetime, months: int) -> datetime:
    """Add months; the day becomes the last of a shorter month. Raises ValueError outside the years 1 to 9999."""
    year, month = divmod(naive.year * 12 + naive.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise ValueError
    return naive.replace(year=year, month=month + 1, day=min(naive.day, calendar.monthrange(year, month + 1)[1]))


def _round(local: datetime, unit: str) -> datetime:
    return existing(_STARTS[unit](local.replace(tzinfo=None, fold=0)), _zone(local))


def _midnight(naive: datetime) -> datetime:
    return naive.replace(hour=0, minute=0, second=0, microsecond=0)


_STARTS: dict[str, Callable[[datetime], datetime]] = {
    "y": lambda naive: _midnight(naive).replace(month=1, day=1),
    "Q": lambda naive: _midnight(naive).replace(month=(naive.month - 1) // 3 * 3 + 1, day=1),
    "M": lambda naive: _midnight(naive).replace(day=1),
    "w": lambda naive: _midnight(naive) - timedelta(naive.weekday()),
    "d": _midnight,
    "h": lambda naive: naive.replace(minute=0, second=0, microsecond=0),
    "m": lambda naive: naive.replace(second=0, microsecond=0),
}


def _zone(local: datetime) -> ZoneInfo:
    zone = local.tzinfo
    assert isinstance(zone, ZoneInfo)  # noqa: S101 -- every local time here was made from a Moment
    return zone


def _offset(local: datetime) -> timedelta:
    return local.utcoffset() or timedelta()


def _from_utc(naive: datetime, zone: ZoneInfo) -> datetime:
    return naive.replace(tzinfo=UTC).astimezone(zone)
