"""The figures of the overview: jobs per hour by status, how long they waited and ran, and which reports stand out."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db.models import CharField, Count, Func
from django.utils import timezone

from accounts.models import User
from jobs.models import JobExecutionLog
from jobs.querysets import JobQuerySet
from jobs.status import ENDED, Status
from reports.permissions import granted_ids

HOURS = 24
#: Times and reports are taken from so many of the newest ended jobs.
SAMPLE = 800
CACHED_SECONDS = 30
#: The share of the disk below which its free rest is warned of.
LOW_DISK = 0.1
_TOP = 5
_BAR, _GAP, _HEIGHT = 24, 6, 120
#: Into so many stretches the sample is cut, to show how times change; none has fewer jobs than that.
_STRETCHES, _FEWEST = 20, 5


@dataclass(frozen=True)
class Bar:
    """A part of an hour's column: one status."""

    status: str
    y: float
    height: float


@dataclass(frozen=True)
class Hour:
    """The jobs asked for in one hour, in the order of Status, and where they are drawn."""

    begin: datetime
    counts: list[int]
    x: int
    bars: list[Bar]

    @property
    def total(self) -> int:
        return sum(self.counts)


@dataclass(frozen=True)
class Stretch:
    """Some jobs of the sample that were asked for one after the other, from `begin` on: within how many seconds half
    and 95 % of them were waited for and run."""

    begin: datetime
    jobs: int
    waits: tuple[float, float]
    runs: tuple[float, float]


@dataclass(frozen=True)
class ReportOutcome:
    """One report among the newest ended jobs."""

    slug: str
    name: str
    report_id: object
    jobs: int
    failed: int
    run: float

    @property
    def percent(self) -> int:
        return round(100 * self.failed / self.jobs)


@dataclass(frozen=True)
class Statistics:
    """All of it."""

    hours: list[Hour]
    highest: int
    jobs: int
    waits: tuple[float, float] | None
    runs: tuple[float, float] | None
    stretches: list[Stretch]
    slowest: list[ReportOutcome]
    failing: list[ReportOutcome]
    statuses: tuple[str, ...] = tuple(Status.values)


class _Hour(Func):
    """The hour of a moment, in UTC, as text: what SQLite stores begins with it."""

    output_field = CharField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="SUBSTR(%(expressions)s, 1, 13)", **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "TO_CHAR(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24')"
        return self.as_sql(compiler, connection, template=template, **context)


def recent_statistics(user: User) -> Statistics:
    """Not older than half a minute: counting a busy day takes longer than a page may. By the rights of now."""
    rights = "all" if user.is_administrator else repr([sorted(map(str, held)) for held in granted_ids(user).values()])
    key = f"figures-{user.pk}-{hashlib.sha256(rights.encode()).hexdigest()}"
    found: Statistics | None = cache.get(key)
    if found is None:
        found = statistics(user)
        cache.set(key, found, CACHED_SECONDS)
    return found


def statistics(user: User) -> Statistics:
    """Of the jobs that the user sees, of the last 24 hours."""
    now = timezone.now()
    hours = _hours([part for part in JobExecutionLog.objects.visible_parts(user) if part is not None], now)
    ended = JobExecutionLog.objects.visible_to(user).filter(
        queued_at__gte=now - timedelta(hours=HOURS), started_at__isnull=False, status__in=ENDED
    )
    rows: list[tuple[Any, ...]] = list(
        ended.newest_first().values_list(
            "report_slug", "report_name", "report_id", "status", "queued_at", "started_at", "ended_at"
        )[:SAMPLE]
    )
    reports = _standings(rows)
    return Statistics(
        hours=hours,
        highest=max(hour.total for hour in hours),
        jobs=len(rows),
        waits=p50_p95(_waits(rows)),
        runs=p50_p95(_runs(rows)),
        stretches=_stretches(rows),
        slowest=sorted(reports, key=lambda one: -one.run)[:_TOP],
        failing=sorted((one for one in reports if one.failed), key=lambda one: (-one.failed, one.name))[:_TOP],
    )


def disk() -> tuple[int, int]:
    """Bytes that are free and that there are, where the results are kept."""
    usage = shutil.disk_usage(settings.DATA_DIR)
    return usage.free, usage.total


def _hours(parts: Sequence[JobQuerySet], now: datetime) -> list[Hour]:
    begins = [_floor(now) - timedelta(hours=back) for back in range(HOURS - 1, -1, -1)]
    counted: Counter[tuple[str, str]] = Counter()
    for part in parts:
        grouped = part.filter(queued_at__gte=begins[0]).order_by().values(hour=_Hour("queued_at"))
        for hour, status, number in grouped.annotate(number=Count("pk")).values_list("hour", "status", "number"):
            counted[hour, status] += number
    rows = [[counted[f"{begin:%Y-%m-%d %H}", status] for status in Status.values] for begin in begins]
    highest = max(map(sum, rows)) or 1
    return [
        Hour(begin, counts, number * (_BAR + _GAP), _bars(counts, highest))
        for number, (begin, counts) in enumerate(zip(begins, rows, strict=True))
    ]


def _floor(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _bars(counts: list[int], highest: int) -> list[Bar]:
    bars, y = [], float(_HEIGHT)
    for status, number in zip(reversed(Status.values), reversed(counts), strict=True):
        height = _HEIGHT * number / highest
        y -= height
        if number:
            bars.append(Bar(status.lower(), y, height))
    return bars


def p50_p95(seconds: list[float]) -> tuple[float, float] | None:
    """The times that half and that 95 % of them are not longer than; None of none."""
    return _halfway_and_95(seconds) if seconds else None


def _halfway_and_95(seconds: list[float]) -> tuple[float, float]:
    ordered = sorted(max(0.0, one) for one in seconds)
    half, most = (ordered[ceil(share * len(ordered)) - 1] for share in (0.5, 0.95))
    return half, most


def _stretches(rows: list[tuple[Any, ...]]) -> list[Stretch]:
    """The oldest first; nothing where there are too few jobs for two."""
    size = max(_FEWEST, ceil(len(rows) / _STRETCHES))
    cut = [rows[at : at + size] for at in range(0, len(rows) - size + 1, size)]
    return [_stretch(those) for those in reversed(cut)] if len(cut) > 1 else []


def _stretch(rows: list[tuple[Any, ...]]) -> Stretch:
    return Stretch(rows[-1][4], len(rows), _halfway_and_95(_waits(rows)), _halfway_and_95(_runs(rows)))


def _waits(rows: list[tuple[Any, ...]]) -> list[float]:
    return [(row[5] - row[4]).total_seconds() for row in rows]


def _runs(rows: list[tuple[Any, ...]]) -> list[float]:
    return [(row[6] - row[5]).total_seconds() for row in rows]


def _standings(rows: list[tuple[Any, ...]]) -> list[ReportOutcome]:
    by_report: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows:
        by_report[row[0]].append(row)
    found = []
    for slug, those in by_report.items():
        runs = _halfway_and_95(_runs(those))
        failed = sum(row[3] == Status.FAILED for row in those)
        found.append(ReportOutcome(slug, those[0][1], those[0][2], len(those), failed, runs[1]))
    return found
