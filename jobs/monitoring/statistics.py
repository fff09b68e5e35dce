"""Statistics of the last 24 hours: jobs per hour by status, wait and run times, slow and failing reports."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any, NamedTuple

from django.core.cache import cache
from django.db.models import CharField, Count, Func
from django.utils import timezone

from accounts.models import User
from jobs.models import JobExecutionLog
from jobs.querysets import JobQuerySet
from jobs.status import ENDED, Status
from reports.permissions import granted_ids

HOURS = 24
#: The largest number of the newest ended jobs that wait times, run times and reports are taken from.
SAMPLE = 800
_CACHE_SECONDS = 30
#: The number of slow and failing reports that are listed.
_TOP = 5
#: The most points of a trend, and the fewest jobs in a point.
_TREND_POINTS, _MIN_JOBS_PER_POINT = 20, 5


class Percentiles(NamedTuple):
    """The times in seconds that half and 95 % of the jobs stayed within (nearest-rank percentiles)."""

    p50: float
    p95: float


@dataclass(frozen=True)
class Hour:
    """The jobs queued in one hour; `counts` in the order of Status."""

    start: datetime
    counts: list[int]

    @property
    def total(self) -> int:
        return sum(self.counts)


class TrendPoint(NamedTuple):
    """Wait and run times of consecutive jobs of the sample, the first of which was queued at `start`."""

    start: datetime
    jobs: int
    waits: Percentiles
    runs: Percentiles


@dataclass(frozen=True)
class ReportOutcome:
    """One report's jobs in the sample; `run` is the 95th percentile of their run times in seconds."""

    slug: str
    name: str
    report_id: object
    jobs: int
    failed: int
    run: float

    @property
    def failed_percent(self) -> int:
        return round(100 * self.failed / self.jobs)


@dataclass(frozen=True)
class Statistics:
    """`max_per_hour`: the most jobs in any hour. `jobs`: the size of the sample. `trend`: the oldest point first."""

    hours: list[Hour]
    max_per_hour: int
    jobs: int
    waits: Percentiles | None
    runs: Percentiles | None
    trend: list[TrendPoint]
    slowest: list[ReportOutcome]
    failing: list[ReportOutcome]
    statuses: tuple[str, ...] = tuple(Status.values)


class EndedJob(NamedTuple):
    """A job of the sample; it `waited` and `ran` that many seconds."""

    report_slug: str
    report_name: str
    report_id: object
    status: str
    queued_at: datetime
    started_at: datetime
    ended_at: datetime

    @property
    def waited(self) -> float:
        return (self.started_at - self.queued_at).total_seconds()

    @property
    def ran(self) -> float:
        return (self.ended_at - self.started_at).total_seconds()


def p50_p95(seconds: Sequence[float]) -> Percentiles | None:
    """Return None if there are no values."""
    return _percentiles(seconds) if seconds else None


def _percentiles(seconds: Sequence[float]) -> Percentiles:
    # A clock that was set back can make a time negative.
    ordered = sorted(max(0.0, value) for value in seconds)
    return Percentiles(*(ordered[ceil(share * len(ordered)) - 1] for share in (0.5, 0.95)))


def cached_statistics(user: User) -> Statistics:
    """Return statistics that are at most half a minute old: counting a busy day takes longer than a page may."""
    # The user's rights are part of the key, so a change of rights takes effect at once.
    rights = "all" if user.is_administrator else repr([sorted(map(str, ids)) for ids in granted_ids(user).values()])
    key = f"statistics-{user.pk}-{hashlib.sha256(rights.encode()).hexdigest()}"
    return cache.get_or_set(key, lambda: compute_statistics(user), _CACHE_SECONDS)  # type: ignore[return-value]


def compute_statistics(user: User) -> Statistics:
    """Return statistics of the jobs that the user can see."""
    now = timezone.now()
    hours = _count_by_hour([part for part in JobExecutionLog.objects.visible_parts(user) if part is not None], now)
    ended = JobExecutionLog.objects.visible_to(user).filter(
        queued_at__gte=now - timedelta(hours=HOURS), started_at__isnull=False, status__in=ENDED
    )
    sample = [EndedJob(*row) for row in ended.newest_first().values_list(*EndedJob._fields)[:SAMPLE]]
    reports = _outcomes(sample)
    return Statistics(
        hours=hours,
        max_per_hour=max(hour.total for hour in hours),
        jobs=len(sample),
        waits=p50_p95([job.waited for job in sample]),
        runs=p50_p95([job.ran for job in sample]),
        trend=_trend(sample),
        slowest=sorted(reports, key=lambda report: -report.run)[:_TOP],
        failing=sorted(
            (report for report in reports if report.failed), key=lambda report: (-report.failed, report.name)
        )[:_TOP],
    )


class _HourOf(Func):
    """The hour of a timestamp in UTC, as text such as 2026-01-31 08."""

    output_field = CharField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        # SQLite stores timestamps as text that begins with the hour.
        return self.as_sql(compiler, connection, template="SUBSTR(%(expressions)s, 1, 13)", **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "TO_CHAR(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24')"
        return self.as_sql(compiler, connection, template=template, **context)


def _count_by_hour(parts: Sequence[JobQuerySet], now: datetime) -> list[Hour]:
    """Count the jobs of all parts, the oldest hour first."""
    current = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    starts = [current - timedelta(hours=back) for back in reversed(range(HOURS))]
    counts: Counter[tuple[str, str]] = Counter()
    for part in parts:
        grouped = part.filter(queued_at__gte=starts[0]).order_by().values(hour=_HourOf("queued_at"))
        for hour, status, number in grouped.annotate(number=Count("pk")).values_list("hour", "status", "number"):
            counts[hour, status] += number
    return [Hour(start, [counts[f"{start:%Y-%m-%d %H}", status] for status in Status.values]) for start in starts]


def _trend(sample: list[EndedJob]) -> list[TrendPoint]:
    """Divide the sample, which has the newest job first, into groups; empty if there are too few jobs for two."""
    size = max(_MIN_JOBS_PER_POINT, ceil(len(sample) / _TREND_POINTS))
    groups = [sample[start : start + size] for start in range(0, len(sample) - size + 1, size)]
    if len(groups) < 2:
        return []
    points = []
    for group in reversed(groups):
        waits, runs = _percentiles([job.waited for job in group]), _percentiles([job.ran for job in group])
        points.append(TrendPoint(group[-1].queued_at, len(group), waits, runs))
    return points


def _outcomes(sample: list[EndedJob]) -> list[ReportOutcome]:
    by_report: defaultdict[str, list[EndedJob]] = defaultdict(list)
    for job in sample:
        by_report[job.report_slug].append(job)
    outcomes = []
    for slug, jobs in by_report.items():
        newest, failed = jobs[0], sum(job.status == Status.FAILED for job in jobs)
        run = _percentiles([job.ran for job in jobs]).p95
        outcomes.append(ReportOutcome(slug, newest.report_name, newest.report_id, len(jobs), failed, run))
    return outcomes
