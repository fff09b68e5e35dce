"""All hand-written SQL of the jobs app.

These statements run for every new job, every status call and every list page. Django takes five to ten times as long to
build them as the database takes to answer them. All other queries go through the ORM.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import BooleanField, ExpressionWrapper, F, Func

from common.ids import uuid_from_db, uuid_to_db

#: The current time by the database's clock, by vendor. On SQLite with six decimals, like every stored time.
NOW_SQL = {"sqlite": "strftime('%%Y-%%m-%%d %%H:%%M:%%f000', 'now')", "postgresql": "statement_timestamp()"}
#: Parameters: the job's id, True to search all tenants, the tenant's id.
FIND_JOB = "select * from jobs_jobexecutionlog where id = %s and (%s or tenant_id = %s)"


def now() -> datetime:
    """Return the time by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute(f"select {NOW_SQL[connection.vendor]}", [])
        (value,) = cursor.fetchone()
    return value if isinstance(value, datetime) else datetime.fromisoformat(value).replace(tzinfo=UTC)


def select_counts(subquery: str, number: int) -> str:
    """Return one SELECT that counts the rows of the subquery that many times, each with its own parameters."""
    count = "(select count(*) from ({}) counted)"
    return f"select {', '.join([count.format(subquery)] * number)}"


def literal_condition(field: str, template: str) -> ExpressionWrapper[Any]:
    """Return a condition on the field in literal SQL.

    The database uses a partial index only if the query repeats the index's condition word for word.
    """
    return ExpressionWrapper(Func(F(field), template=template), BooleanField())


#: With a number they identify advisory locks, by what limits a job. Nothing else in this database may use them.
_CLAIM_LOCKS = {"concurrency_key": 0x4C616E65, "tenant_id": 0x4C616E66, "requested_by_id": 0x4C616E67}


def try_claim_lock(limited_by: str, number: int) -> bool:
    """Keep others from claiming jobs with this limit until the current transaction ends. False if another does that."""
    # SQLite needs no lock: its write transactions run one at a time.
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s, %s)", [_CLAIM_LOCKS[limited_by], number & 0x7FFFFFFF])
        return bool(cursor.fetchone()[0])


class RunningJob(NamedTuple):
    """Whose a running job is."""

    report_id: UUID | None
    tenant_id: int
    user_id: int | None


def running_jobs() -> list[RunningJob]:
    # Every running job has a lease; the condition on it selects the index.
    statement = (
        "select report_id, tenant_id, requested_by_id from jobs_jobexecutionlog "
        "where status = 'Running' and lease_expires_at is not null"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return [RunningJob(report and uuid_from_db(report), tenant, user) for report, tenant, user in cursor.fetchall()]


class QueueState(NamedTuple):
    """The queue as a new job finds it. Counts are of queued and running jobs that no schedule created."""

    #: The turn of the job that is claimed next among those with the new job's concurrency key.
    next_turn: int
    #: The highest turn among the user's queued jobs.
    last_turn: int
    #: Other users of the tenant who have queued jobs.
    other_users: int
    queued_by_user: int
    queued_in_tenant: int
    running_by_user: int
    running_in_tenant: int


# Each subquery is answered from an index alone. `requested_by_id > 0` lets SQLite count users in index order.
_QUEUE_STATE = """
    select coalesce((
        select turn from jobs_jobexecutionlog
        where status = 'Queued' and available_at <= {now} and cancel_requested_at is null
        and concurrency_key = %(concurrency_key)s
        order by priority, turn, available_at, queued_at limit 1
    ), (
        select turn from jobs_jobexecutionlog
        where status = 'Queued' and available_at <= {now} and cancel_requested_at is null and concurrency_key is null
        order by priority, turn, available_at, queued_at limit 1
    ), 0), coalesce((
        select max(turn) from jobs_jobexecutionlog
        where status = 'Queued' and tenant_id = %(tenant)s and requested_by_id = %(user)s
    ), 0), (
        select count(distinct requested_by_id) from jobs_jobexecutionlog
        where status = 'Queued' and tenant_id = %(tenant)s
        and requested_by_id > 0 and requested_by_id <> coalesce(%(user)s, 0)
    ), (
        select count(*) from jobs_jobexecutionlog
        where status = 'Queued' and tenant_id = %(tenant)s and requested_by_id = %(user)s and not is_scheduled
    ), (
        select count(*) from jobs_jobexecutionlog
        where status = 'Queued' and tenant_id = %(tenant)s and not is_scheduled
    ),
    count(*) filter (where requested_by_id = %(user)s), count(*)
    from jobs_jobexecutionlog where status = 'Running' and tenant_id = %(tenant)s and not is_scheduled
"""


def queue_state(*, tenant_id: int, user_id: int | None, concurrency_key: UUID | None) -> QueueState:
    parameters = {"tenant": tenant_id, "user": user_id, "concurrency_key": uuid_to_db(concurrency_key)}
    with connection.cursor() as cursor:
        cursor.execute(_QUEUE_STATE.format(now=NOW_SQL[connection.vendor]), parameters)
        return QueueState(*cursor.fetchone())


# Returns a few rows even if hundreds of jobs wait: the number of jobs of each report ahead of the first rank, between
# the first and the second, and so on.
_JOBS_AHEAD = """
    select report_id, case {steps} end as step, count(*) from (
        select report_id, priority, turn from jobs_jobexecutionlog
        where status = 'Queued' and available_at <= {now} and cancel_requested_at is null
        and {concurrency_key} and (priority, turn) < (%s, %s)
        order by priority, turn, available_at, queued_at limit {limit}
    ) ahead group by report_id, step
"""


def jobs_ahead(
    concurrency_key: UUID | None, ranks: Sequence[tuple[int, int]], *, limit: int
) -> list[Counter[UUID | None]]:
    """Count the claimable jobs with this key that are ahead of each rank but not ahead of the previous one, by report.

    `ranks` are pairs of priority and turn in rising order. At most `limit` jobs are counted in total.
    """
    statement = _JOBS_AHEAD.format(
        steps=" ".join(f"when (priority, turn) < (%s, %s) then {index}" for index in range(len(ranks))),
        now=NOW_SQL[connection.vendor],
        concurrency_key="concurrency_key is null" if concurrency_key is None else "concurrency_key = %s",
        limit=limit,
    )
    parameters = [value for rank in ranks for value in rank]
    if concurrency_key is not None:
        parameters.append(uuid_to_db(concurrency_key))
    counts: list[Counter[UUID | None]] = [Counter() for _ in ranks]
    with connection.cursor() as cursor:
        cursor.execute(statement, [*parameters, *ranks[-1]])
        for report_id, step, count in cursor.fetchall():
            counts[step][report_id and uuid_from_db(report_id)] = count
    return counts


class RunRow(NamedTuple):
    """One of a report's newest jobs. Ids and the time are as the database returns them."""

    #: 1 for the report's newest job, 0 for one of its newest jobs that ended.
    is_last: int
    report_id: Any
    status: str
    #: How long the last attempt took; None if there was none.
    seconds: float | None
    rows: int
    job_id: Any
    queued_at: Any


_SECONDS = {
    # julianday() counts days since 4714 BC: exact to hundredths of a millisecond, while SQLite parses milliseconds.
    "sqlite": "round((julianday(ended_at) - julianday(started_at)) * 86400, 3)",
    "postgresql": "extract(epoch from ended_at - started_at)::float8",
}
# Each part follows an index of a report's newest jobs, or of a user's newest jobs of that report.
_NEWEST_RUNS = """
    select * from (
        select 1 as is_last, report_id, status, {seconds} as seconds, rows, id, queued_at from jobs_jobexecutionlog
        where report_id = {report} and tenant_id = {tenant} {user} order by queued_at desc, id desc limit 1
    ) last union all select * from (
        select 0 as is_last, report_id, status, {seconds} as seconds, rows, id, queued_at from jobs_jobexecutionlog
        where report_id = {report} and tenant_id = {tenant} {user} and ended_at is not null
        order by queued_at desc, id desc limit {limit}
    ) ended
"""
# Own jobs that ran as somebody else are retries by somebody who was an Administrator then.
_OWN = "and requested_by_id = %s and coalesce(ran_as_id, requested_by_id) = requested_by_id"
_LATERAL = """
    select newest.* from unnest(%s::uuid[], %s::bigint[]) listed (report, tenant) cross join lateral ({newest}) newest
"""


def newest_runs(reports: Sequence[tuple[UUID, int]], *, user_id: int | None, limit: int) -> list[RunRow]:
    """Return each report's newest job and its newest `limit` jobs that ended; with `user_id`, only the user's jobs.

    `reports` are pairs of a report's id and its tenant's id. The report implies the tenant, but the index needs both.
    """
    if not reports:
        return []
    pairs = [(uuid_to_db(report), tenant) for report, tenant in reports]
    user = [] if user_id is None else [user_id]
    on_postgresql = connection.vendor == "postgresql"
    newest = _NEWEST_RUNS.format(
        seconds=_SECONDS[connection.vendor],
        report="listed.report" if on_postgresql else "%s",
        tenant="listed.tenant" if on_postgresql else "%s",
        user="" if user_id is None else _OWN,
        limit=limit,
    )
    parameters: list[Any]
    if on_postgresql:
        statement = _LATERAL.format(newest=newest)
        parameters = [[report for report, _ in pairs], [tenant for _, tenant in pairs], *user, *user]
    else:
        statement = " union all ".join([newest] * len(pairs))
        parameters = [value for pair in pairs for value in [*pair, *user, *pair, *user]]
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return [RunRow(*row) for row in cursor.fetchall()]
