"""Common periods and days as relative dates, to choose from on pages."""

from __future__ import annotations

from typing import NamedTuple


class Period(NamedTuple):
    """The first and the last day of a period, and the time at which the next period starts."""

    first: str
    last: str
    end: str

    def bounds(self, type: str) -> tuple[str, str]:
        """Return the values of two parameters of this type: two days, or two times of which the second is excluded."""
        return (self.first, self.last) if type == "date" else (self.first, self.end)


#: By name. "This month" and its like end today, so that they also suit a report that refuses days to come.
PERIODS = {
    "today": Period("today", "today", "today+1d"),
    "yesterday": Period("now-1d/d", "now-1d/d", "today"),
    "last_7_days": Period("now-7d/d", "now-1d/d", "today"),
    "last_week": Period("now-1w/w", "now/w-1d", "now/w"),
    "this_month": Period("now/M", "today", "today+1d"),
    "last_month": Period("now-1M/M", "now/M-1d", "now/M"),
    "this_quarter": Period("now/Q", "today", "today+1d"),
    "last_quarter": Period("now-1Q/Q", "now/Q-1d", "now/Q"),
    "this_year": Period("now/y", "today", "today+1d"),
    "last_year": Period("now-1y/y", "now/y-1d", "now/y"),
}
#: Days by name, for a date that stands alone.
DAYS = {
    "today": "today",
    "yesterday": "now-1d/d",
    "7_days_ago": "now-7d/d",
    "start_of_month": "now/M",
    "start_of_last_month": "now-1M/M",
    "end_of_last_month": "now/M-1d",
    "start_of_year": "now/y",
}
