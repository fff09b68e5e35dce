"""How reports usually go, from the newest jobs that the user sees of each: the last one, how many succeed, how long."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Q, Subquery

from accounts.models import User
from jobs.figures import halfway_and_95
from jobs.models import ENDED, JobExecutionLog, Status
from reports.models import ReportConfiguration
from reports.past import Past
from reports.querysets import Right, granted_ids

#: Jobs of one report, and of one person where only the own ones are seen.
SAMPLE = 50
_OWN = 500
_COLUMNS = ("report_id", "pk", "status", "queued_at", "started_at", "ended_at", "rows")


@dataclass(frozen=True)
class Usual:
    """Of one report. `run`: seconds that half and that 95 % of the runs that succeeded took at most."""

    last_id: UUID
    last_status: str
    last_at: datetime
    ended: int
    succeeded: int
    run: tuple[float, float] | None
    rows: int | None

    @property
    def percent(self) -> int | None:
        """How many succeeded, of those that ended."""
        return int(100 * self.succeeded / self.ended) if self.ended else None


def usual(user: User, reports: Sequence[ReportConfiguration]) -> dict[UUID, Usual]:
    """By report; without those that the user sees no job of. In a number of queries that does not grow with them."""
    by_report: defaultdict[UUID, list[tuple[Any, ...]]] = defaultdict(list)
    for row in _newest(user, reports):
        by_report[row[0]].append(row)
    return {report: _usual(rows[:SAMPLE]) for report, rows in by_report.items()}


def past(report: ReportConfiguration) -> Past | None:
    """How the report's newest runs went, for whoever administers it."""
    rows = _newest_of([report.pk])[:SAMPLE]
    found = _usual(rows) if rows else None
    if found is None or found.run is None:
        return None
    return Past(found.succeeded, found.rows or 0, *found.run)


def _newest(user: User, reports: Sequence[ReportConfiguration]) -> list[tuple[Any, ...]]:
    ids = {report.pk for report in reports}
    held = {Right.VIEW: ids, Right.GENERATE: ids} if user.is_administrator else granted_ids(user)
    whole, own = ids & held[Right.VIEW], ids & (held[Right.GENERATE] - held[Right.VIEW])
    rows = _newest_of(whole) if whole else []
    if own:
        mine = JobExecutionLog.objects.filter(Q(tenant_id=user.tenant_id), requested_by=user, report__in=own)
        rows += mine.by_time().values_list(*_COLUMNS)[:_OWN]
    return rows


def _newest_of(reports: Iterable[UUID]) -> list[tuple[Any, ...]]:
    """Two queries, each along the index of a report's newest jobs: since when, and which."""
    # With the tenant, which the report implies, because it stands between the two in the index.
    jobs = JobExecutionLog.objects.filter(report=OuterRef("pk"), tenant=OuterRef("tenant")).by_time()
    since = Subquery(jobs.values("queued_at")[SAMPLE - 1 : SAMPLE])
    wanted = Q()
    for pk, tenant, at in (
        ReportConfiguration.objects.filter(pk__in=reports).order_by().annotate(since=since)
    ).values_list("pk", "tenant_id", "since"):
        newer = Q(queued_at__gte=at) if at else Q()
        wanted |= Q(report_id=pk, tenant_id=tenant) & newer
    return list(JobExecutionLog.objects.filter(wanted).by_time().values_list(*_COLUMNS))


def _usual(rows: list[tuple[Any, ...]]) -> Usual:
    _, last_id, last_status, last_at, *_ = rows[0]
    ended = [row for row in rows if row[2] in ENDED]
    done = [row for row in ended if row[2] == Status.SUCCEEDED]
    run = halfway_and_95([(row[5] - row[4]).total_seconds() for row in done])
    middle = sorted(row[6] for row in done)[len(done) // 2] if done else None
    return Usual(last_id, last_status, last_at, len(ended), len(done), run, middle)
