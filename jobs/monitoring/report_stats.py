"""How reports usually go, from the newest jobs that the user sees of each: the last one, how many succeed, how long."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from accounts.models import User
from common.ids import uuid_from_db, uuid_to_db
from jobs.monitoring.statistics import p50_p95
from jobs.querysets import VisibleScope
from jobs.status import Status
from reports.models import ReportConfiguration
from reports.runner import ReportStats, RunHistory

#: So many of a report's newest jobs that ended tell how it goes.
SAMPLE = 30
_SECONDS = {
    # Days since 4714 BC are exact to some hundredths of a millisecond, and of a moment SQLite reads whole ones.
    "sqlite": "round((julianday(ended_at) - julianday(started_at)) * 86400, 3)",
    "postgresql": "extract(epoch from ended_at - started_at)::float8",
}
# Written by hand, as many rows are read of which few values are shown: Django takes longer to make objects of the
# others than the database to find all. Each part goes along an index of a report's newest jobs, or of a person's of it.
_NEWEST = """
    select * from (
        select 1 as is_last, report_id, status, {seconds} as seconds, rows, id, queued_at from jobs_jobexecutionlog
        where report_id = {report} and tenant_id = {tenant} {own} order by queued_at desc, id desc limit 1
    ) last union all select * from (
        select 0 as is_last, report_id, status, {seconds} as seconds, rows, id, queued_at from jobs_jobexecutionlog
        where report_id = {report} and tenant_id = {tenant} {own} and ended_at is not null
        order by queued_at desc, id desc limit {most}
    ) ended
"""
_LATERAL = """
    select newest.* from unnest(%s::uuid[], %s::bigint[]) asked (report, tenant) cross join lateral ({newest}) newest
"""


def report_stats(user: User, reports: Sequence[ReportConfiguration]) -> dict[UUID, ReportStats]:
    """By report; without those that the user sees no job of. In a number of queries that does not grow with them."""
    return {report: _usual(rows) for report, rows in _by_report(_newest(user, reports)).items()}


def run_history(report: ReportConfiguration) -> RunHistory | None:
    """How the report's newest runs went, for whoever administers it."""
    found = next(map(_usual, _by_report(_newest_of([report])).values()), None)
    if found is None or found.run is None:
        return None
    return RunHistory(found.succeeded, found.rows or 0, *found.run)


def _newest(user: User, reports: Sequence[ReportConfiguration]) -> list[tuple[Any, ...]]:
    """Of each report the last job that the user sees, and the newest ones that ended."""
    if user.is_administrator:
        return _newest_of(reports)
    scope = VisibleScope.of(user)
    whole = [report for report in reports if report.pk in scope.view]
    own = [report for report in reports if report.pk in scope.generate]
    return [*_newest_of(whole), *_newest_of(own, user)]


def _newest_of(reports: Sequence[ReportConfiguration], by: User | None = None) -> list[tuple[Any, ...]]:
    # The report implies the tenant, which stands before the time in the index.
    asked = [(uuid_to_db(report.pk), report.tenant_id) for report in reports]
    person = [by.pk] if by else []
    if not asked:
        return []
    if connection.vendor == "postgresql":
        newest = _statement("asked.report", "asked.tenant", by)
        ids, tenants = (list(values) for values in zip(*asked, strict=True))
        return _rows(_LATERAL.format(newest=newest), [ids, tenants, *person * 2])
    newest = _statement("%s", "%s", by)
    return _rows(" union all ".join([newest] * len(asked)), [value for one in asked for value in [*one, *person] * 2])


def _statement(report: str, tenant: str, by: User | None) -> str:
    own = "and requested_by_id = %s" if by else ""
    return _NEWEST.format(seconds=_SECONDS[connection.vendor], report=report, tenant=tenant, own=own, most=SAMPLE)


def _rows(statement: str, values: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def _by_report(rows: Iterable[tuple[Any, ...]]) -> dict[UUID, list[tuple[Any, ...]]]:
    """The last job first."""
    found: defaultdict[Any, list[tuple[Any, ...]]] = defaultdict(list)
    for is_last, report, *row in rows:
        found[report].insert(0 if is_last else len(found[report]), tuple(row))
    return {uuid_from_db(report): rows for report, rows in found.items()}


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value).replace(tzinfo=UTC)


def _usual(rows: Sequence[tuple[Any, ...]]) -> ReportStats:
    (last_status, _, _, last_id, last_at), *ended = rows
    done = [row for row in ended if row[0] == Status.SUCCEEDED]
    run = p50_p95([row[1] for row in done])
    middle = sorted(row[2] for row in done)[len(done) // 2] if done else None
    last = (uuid_from_db(last_id), last_status, _moment(last_at))
    return ReportStats(*last, len(ended), len(done), run, middle)
