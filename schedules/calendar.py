"""A month of a schedule, day by day: how many of its times were or will be what."""

from __future__ import annotations

import calendar
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import islice, takewhile
from typing import Any, NamedTuple

from django.db.models import Count, Exists, F, OuterRef, Q
from django.db.models.functions import TruncDate
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from jobs.status import Status
from schedules import cron
from schedules.bursting.progress import failed_of
from schedules.models import Schedule, Slot
from schedules.slots import ON_TIME

#: By outcome, its label and its icon, in the order in which a day shows them.
OUTCOMES: dict[str, tuple[str | Promise, str]] = {
    "failed": (_("failed"), "failed"),
    "missed": (_("missed"), "warning"),
    "late": (_("late"), "history"),
    "skipped": (_("skipped"), "next"),
    "made": (_("made"), "succeeded"),
    "expected": (_("expected"), "queued"),
}
_YEARS = range(1970, 3000)
#: Times to come that are counted: the rest of a month of a schedule that runs every minute would take a second.
_MAX_EXPECTED = 5_000
#: Reasons that a day shows, and that are read for a month.
_REASONS_OF_DAY, _MAX_REASONS = 3, 500
_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")


class Part(NamedTuple):
    """A part of a day: so many times with this outcome."""

    outcome: str
    label: str | Promise
    icon: str
    number: int


@dataclass
class Day:
    """A day of the calendar. `is_outside`: it belongs to the month before or after."""

    date: date
    is_outside: bool
    is_today: bool
    counts: Counter[str] = field(default_factory=Counter)
    #: Why slots of the day have no job, as sentences: the first few.
    reasons: list[str] = field(default_factory=list)

    @property
    def parts(self) -> list[Part]:
        shown = OUTCOMES.items()
        return [Part(name, label, icon, self.counts[name]) for name, (label, icon) in shown if self.counts[name]]


@dataclass
class Month:
    """A month of the calendar, in the schedule's time zone. `before` and `after` name its neighbors."""

    first: date
    weeks: list[list[Day]]
    before: str
    after: str
    #: Whether more times are to come than were counted.
    is_cut: bool

    @property
    def legend(self) -> list[Part]:
        """The outcomes that occur, with their numbers in the month."""
        total = sum((day.counts for week in self.weeks for day in week if not day.is_outside), Counter[str]())
        return Day(self.first, False, False, total).parts


def month_of(schedule: Schedule, text: str) -> Month:
    """Return the month that is named like "2026-11"; the current one for any other text."""
    zone, now = schedule.zone, timezone.now()
    today = now.astimezone(zone).date()
    first = _first_day(text) or today.replace(day=1)
    after = (first + timedelta(days=31)).replace(day=1)
    start, end = (datetime.combine(day, time(), zone) for day in (first, after))
    counts = _recorded(schedule, start, end)
    expected = _expected(schedule, now, start, end)
    for due in expected:
        # A time that has come and has no slot yet is late.
        counts.setdefault(due.astimezone(zone).date(), Counter())["expected" if due > now else "late"] += 1
    reasons = _reasons(schedule, start, end)
    weeks = [
        [
            Day(day, day.month != first.month, day == today, counts.get(day, Counter()), reasons.get(day, []))
            for day in week
        ]
        for week in calendar.Calendar().monthdatescalendar(first.year, first.month)
    ]
    before = first - timedelta(days=1)
    return Month(first, weeks, f"{before:%Y-%m}", f"{after:%Y-%m}", len(expected) == _MAX_EXPECTED)


def _first_day(text: str) -> date | None:
    match = _MONTH.fullmatch(text)
    if match is None or int(match[1]) not in _YEARS or not 1 <= int(match[2]) <= 12:
        return None
    return date(int(match[1]), int(match[2]), 1)


def _recorded(schedule: Schedule, start: datetime, end: datetime) -> dict[date, Counter[str]]:
    """Count the slots of each day, those that somebody added by hand left out."""
    # One recipient that failed is reason enough to look.
    of_job = Q(job__status=Status.FAILED) | Q(archived_status=Status.FAILED)
    failed = Q(state=Slot.State.FAILED) | of_job | Q(has_failed_recipient=True)
    late = Q(kind=Slot.Kind.CRON, created_at__gt=F("time") + ON_TIME)
    slots = schedule.slots.filter(time__gte=start, time__lt=end).exclude(kind=Slot.Kind.MANUAL).order_by()
    slots = slots.annotate(has_failed_recipient=Exists(failed_of(OuterRef("pk"))))
    by_day = slots.annotate(day=TruncDate("time", tzinfo=schedule.zone)).values("day")
    numbers = by_day.annotate(
        failed=Count("pk", filter=failed),
        missed=Count("pk", filter=Q(state=Slot.State.MISSED)),
        skipped=Count("pk", filter=Q(state=Slot.State.SKIPPED)),
        expected=Count("pk", filter=Q(state=Slot.State.QUEUED)),
        late=Count("pk", filter=Q(state=Slot.State.CREATED) & late & ~failed),
        made=Count("pk", filter=Q(state=Slot.State.CREATED) & ~late & ~failed),
    )
    counts: dict[date, Counter[str]] = {}
    for row in numbers:
        fields: dict[str, Any] = dict(row)
        day = fields.pop("day")
        counts[day] = Counter(fields)
    return counts


def _reasons(schedule: Schedule, start: datetime, end: datetime) -> dict[date, list[str]]:
    """Return why slots of each day have no job: each reason once, at most a few of a day."""
    slots = schedule.slots.filter(time__gte=start, time__lt=end).exclude(reason="").order_by()
    by_day = slots.annotate(day=TruncDate("time", tzinfo=schedule.zone)).values_list("day", "reason").distinct()
    found: dict[date, list[str]] = {}
    for day, reason in by_day.order_by("day", "reason")[:_MAX_REASONS]:
        if len(reasons := found.setdefault(day, [])) < _REASONS_OF_DAY:
            reasons.append(reason)
    return found


def _expected(schedule: Schedule, now: datetime, start: datetime, end: datetime) -> list[datetime]:
    """Return the first times of the range that have no slot yet."""
    if schedule.next_at is None:
        return []
    after = max(schedule.next_at, max(start, cron.FIRST)) - timedelta(seconds=1)
    return list(islice(takewhile(lambda due: due < end, schedule.times(after=after)), _MAX_EXPECTED))
