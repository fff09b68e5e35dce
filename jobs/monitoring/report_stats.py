"""How reports usually go, from the newest jobs that the user sees of each: the last one, how many succeed, how long."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from accounts.models import User
from common.ids import uuid_from_db
from jobs.monitoring.statistics import p50_p95
from jobs.querysets import VisibleScope
from jobs.sql import RunRow, newest_runs
from jobs.status import Status
from reports.models import ReportConfiguration
from reports.runner import ReportStats, RunHistory

#: So many of a report's newest jobs that ended tell how it goes.
SAMPLE = 30


def report_stats(user: User, reports: Sequence[ReportConfiguration]) -> dict[UUID, ReportStats]:
    """By report; without those that the user sees no job of. In a number of queries that does not grow with them."""
    return {report: _usual(rows) for report, rows in _by_report(_newest(user, reports)).items()}


def run_history(report: ReportConfiguration) -> RunHistory | None:
    """How the report's newest runs went, for whoever administers it."""
    found = next(map(_usual, _by_report(_newest_of([report])).values()), None)
    if found is None or found.run is None:
        return None
    return RunHistory(found.succeeded, found.rows or 0, *found.run)


def _newest(user: User, reports: Sequence[ReportConfiguration]) -> list[RunRow]:
    """Of each report the last job that the user sees, and the newest ones that ended."""
    if user.is_administrator:
        return _newest_of(reports)
    scope = VisibleScope.of(user)
    view = [report for report in reports if report.pk in scope.view]
    generate = [report for report in reports if report.pk in scope.generate]
    return [*_newest_of(view), *_newest_of(generate, user)]


def _newest_of(reports: Sequence[ReportConfiguration], user: User | None = None) -> list[RunRow]:
    pairs = [(report.pk, report.tenant_id) for report in reports]
    return newest_runs(pairs, user_id=user.pk if user else None, limit=SAMPLE)


def _by_report(rows: Iterable[RunRow]) -> dict[UUID, list[RunRow]]:
    """The last job first."""
    found: defaultdict[Any, list[RunRow]] = defaultdict(list)
    for row in rows:
        found[row.report_id].insert(0 if row.is_last else len(found[row.report_id]), row)
    return {uuid_from_db(report): rows for report, rows in found.items()}


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value).replace(tzinfo=UTC)


def _usual(rows: Sequence[RunRow]) -> ReportStats:
    last, *ended = rows
    done = [row for row in ended if row.status == Status.SUCCEEDED]
    run = p50_p95([row.seconds or 0.0 for row in done])
    middle = sorted(row.rows for row in done)[len(done) // 2] if done else None
    last_id, last_at = uuid_from_db(last.job_id), _moment(last.queued_at)
    return ReportStats(last_id, last.status, last_at, len(ended), len(done), run, middle)
