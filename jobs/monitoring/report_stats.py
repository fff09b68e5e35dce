"""Statistics of a report's newest jobs that a user can see: the last one, the success rate, the run time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import median_high
from typing import Any
from uuid import UUID

from accounts.models import User
from common.ids import uuid_from_db
from jobs.monitoring.statistics import p50_p95
from jobs.querysets import VisibleScope
from jobs.sql import RunRow, newest_runs
from jobs.status import Status
from reports.models import ReportConfiguration
from reports.runner_port import ReportStats, RunHistory

#: The number of a report's newest ended jobs that the statistics cover.
SAMPLE = 30


def report_stats(user: User, reports: Sequence[ReportConfiguration]) -> dict[UUID, ReportStats]:
    """Return statistics by report, without reports of which the user sees no job.

    The number of queries doesn't depend on the number of reports.
    """
    if user.is_administrator:
        rows = _newest_runs(reports)
    else:
        scope = VisibleScope.of(user)
        # Of reports that depend on who runs them, the own jobs alone.
        view = scope.view - scope.caller_bound
        own = (scope.view | scope.generate) - view
        rows = _newest_runs([report for report in reports if report.pk in view])
        rows += _newest_runs([report for report in reports if report.pk in own], only_by=user)
    return _stats_by_report(rows)


def run_history(report: ReportConfiguration) -> RunHistory | None:
    """Return statistics of all users' newest runs of the report; None if none succeeded, or if its rows depend on who
    runs it."""
    if report.is_caller_bound:
        return None
    stats = _stats_by_report(_newest_runs([report])).get(report.pk)
    if stats is None or stats.run is None:
        return None
    return RunHistory(stats.succeeded, stats.rows or 0, *stats.run)


def _newest_runs(reports: Sequence[ReportConfiguration], only_by: User | None = None) -> list[RunRow]:
    pairs = [(report.pk, report.tenant_id) for report in reports]
    return newest_runs(pairs, user_id=only_by.pk if only_by else None, limit=SAMPLE)


def _stats_by_report(rows: Sequence[RunRow]) -> dict[UUID, ReportStats]:
    newest: dict[Any, RunRow] = {}
    ended: defaultdict[Any, list[RunRow]] = defaultdict(list)
    for row in rows:
        if row.is_last:
            newest[row.report_id] = row
        else:
            ended[row.report_id].append(row)

    stats: dict[UUID, ReportStats] = {}
    for report_id, last in newest.items():
        succeeded = [row for row in ended[report_id] if row.status == Status.SUCCEEDED]
        queued_at = last.queued_at
        if not isinstance(queued_at, datetime):  # SQLite returns text.
            queued_at = datetime.fromisoformat(queued_at).replace(tzinfo=UTC)
        stats[uuid_from_db(report_id)] = ReportStats(
            last_id=uuid_from_db(last.job_id),
            last_status=last.status,
            last_at=queued_at,
            ended=len(ended[report_id]),
            succeeded=len(succeeded),
            run=p50_p95([row.seconds or 0.0 for row in succeeded]),
            rows=median_high([row.rows for row in succeeded]) if succeeded else None,
        )
    return stats
