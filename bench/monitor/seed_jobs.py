"""`python -m bench.monitor.seed_jobs JOBS`: create a history of this many jobs in the configured, prepared database.

Four of its users have passwords: `root` (superuser), `admin` (administrator), `analyst` (views a quarter of the reports
and runs another quarter) and `viewer` (views one report, which is rarely run).
"""

from __future__ import annotations

import argparse
import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import django

REPORTS, USERS, DAYS = 40, 12, 60
PASSWORD = "a long password 1"
#: This many jobs are created one by one. The database then copies them with other times and ids, which is faster.
_BLOCK = 20_000
#: Error code, message and fingerprint.
_FAILURES = (
    ("query_failed", "The query was refused: no such column: carrier_{}.", "a1b2c3d4e5f60001"),
    ("timed_out", "The job took longer than its limit of 300 seconds.", "a1b2c3d4e5f60002"),
    ("worker_lost", "The worker that ran the job was lost, {} times.", "a1b2c3d4e5f60003"),
    ("source_unavailable", "The data source is not responding on port {}.", "a1b2c3d4e5f60004"),
)
#: The first error is by far the most common.
_WEIGHTS = (5, 1, 1, 1)
_JOBS, _AUDIT = "jobs_jobexecutionlog", "audit_auditlog"
_TABLES = (_JOBS, "jobs_jobevent", "jobs_artifact", _AUDIT)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.monitor.seed_jobs", description=__doc__)
    parser.add_argument("jobs", type=int, help="how many jobs to create")
    count = parser.parse_args().jobs
    django.setup()
    with _bulk_load():
        _create_jobs(_create_tenant(), count)
        _create_events_and_artifacts()
        _create_audit_entries()
    print(f"Created {count:,} jobs.")


@dataclass(frozen=True)
class _Tenant:
    """A tenant with its users and reports. The last user may view the last report, which is rarely run."""

    tenant: Any
    users: list[Any]
    reports: list[Any]


@contextmanager
def _bulk_load() -> Iterator[None]:
    """Drop the indexes, build them again at the end, and do without durability and foreign keys in between."""
    from django.db import connection

    sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        for statement in _SQLITE_BEFORE if sqlite else _POSTGRESQL_BEFORE:
            cursor.execute(statement)
        cursor.execute(_SQLITE_INDEXES if sqlite else _POSTGRESQL_INDEXES)
        indexes = [row for row in cursor.fetchall() if row[2] in _TABLES]
        for name, _, _ in indexes:
            cursor.execute(f'drop index "{name}"')
        yield
        for _, statement, _ in indexes:
            cursor.execute(statement)
        cursor.execute("pragma journal_mode = wal" if sqlite else "vacuum analyze")


_SQLITE_BEFORE = ("pragma foreign_keys = off", "pragma journal_mode = off", "pragma synchronous = off",
                  "pragma cache_size = -400000")  # fmt: skip
_POSTGRESQL_BEFORE = ("set session_replication_role = replica", "set synchronous_commit = off",
                      "set maintenance_work_mem = '400MB'")  # fmt: skip
_SQLITE_INDEXES = "select name, sql, tbl_name from sqlite_master where type = 'index' and sql is not null"
_POSTGRESQL_INDEXES = (
    "select indexname, indexdef, tablename from pg_indexes "
    "where indexname not in (select conname from pg_constraint) and schemaname = current_schema()"
)


def _create_tenant() -> _Tenant:
    from django.contrib.auth.models import Group

    from accounts.models import Tenant, User
    from reports.models import DataSource

    tenant = Tenant.objects.create(slug="acme", name="Acme Inc.")
    users = [User.objects.create_user(f"user{number:02}", tenant=tenant) for number in range(USERS)]
    admin, analyst, viewer = (
        User.objects.create_user(name, password=PASSWORD, tenant=tenant) for name in ("admin", "analyst", "viewer")
    )
    User.objects.create_superuser("root", password=PASSWORD)
    Group.objects.get_or_create(name="Administrator")[0].user_set.add(admin)
    analysts = Group.objects.create(name="bench-analysts")
    analysts.user_set.add(analyst)
    source = DataSource.objects.create(tenant=tenant, slug="nowhere", kind="sqlite", location="/nowhere.db")
    reports = [_create_report(number, source) for number in range(REPORTS)]
    _create_grants(reports, analysts, viewer)
    return _Tenant(tenant, [*users, admin, analyst, viewer], reports)


def _create_report(number: int, source: Any) -> Any:
    from reports.models import ReportConfiguration, ReportVersion
    from reports.targets.models import DeliveryTarget

    report = ReportConfiguration.objects.create(tenant=source.tenant, slug=f"report-{number:02}")
    report.current = ReportVersion.objects.create(
        report=report, number=1, name=f"Report {number:02}", data_source=source, query="select 1", formats=["csv"],
        created_by="bench",
    )  # fmt: skip
    report.save()
    DeliveryTarget.objects.create(version=report.current, kind="api_response", mode="asynchronous")
    return report


def _create_grants(reports: list[Any], analysts: Any, viewer: Any) -> None:
    """Let analysts view every fourth report and generate the ones after those, and the viewer view the last report."""
    from django.contrib.auth.models import Permission

    from reports.models import RoleGrant, UserGrant

    view = Permission.objects.get(codename="view_reportconfiguration")
    generate = Permission.objects.get(codename="generate_reportconfiguration")
    for report in reports[::4]:
        RoleGrant.objects.create(content_object=report, group=analysts, permission=view)
    for report in reports[1::4]:
        RoleGrant.objects.create(content_object=report, group=analysts, permission=generate)
    UserGrant.objects.create(content_object=reports[-1], user=viewer, permission=view)


def _create_jobs(tenant: _Tenant, count: int) -> None:
    from django.db import connection, transaction

    from jobs.models import JobExecutionLog

    block, interval = min(count, _BLOCK), timedelta(days=DAYS) / count
    columns = [field.column for field in JobExecutionLog._meta.concrete_fields]
    names = ", ".join(f'"{column}"' for column in columns)
    with transaction.atomic():
        _insert(_JOBS, list(_jobs(tenant, block, interval)))
    with connection.cursor() as cursor:
        cursor.execute(f"create temporary table newest as select * from {_JOBS}")
        cursor.execute(f"delete from {_JOBS}")
        for copy in range(-(-count // block) - 1, -1, -1):
            age = copy * block * interval.total_seconds()
            values = ", ".join(_copied_value(connection.vendor, column, age) for column in columns)
            ended = "where ended_at is not null " if copy else ""
            cursor.execute(f"insert into {_JOBS} ({names}) select {values} from newest {ended}order by queued_at")


def _copied_value(vendor: str, column: str, age: float) -> str:
    """Return the SQL of a column in a copy that is this many seconds older. The newest copy keeps ids and times."""
    if not age:
        return f'"{column}"'
    if column == "id":
        return "lower(hex(randomblob(16)))" if vendor == "sqlite" else "gen_random_uuid()"
    if column not in ("queued_at", "available_at", "started_at", "ended_at"):
        return f'"{column}"'
    if vendor == "sqlite":
        return f"strftime('%Y-%m-%d %H:%M:%f000', {column}, '-{age:.3f} seconds')"
    return f"{column} - interval '{age:.3f} seconds'"


def _jobs(tenant: _Tenant, count: int, interval: timedelta) -> Iterator[dict[str, Any]]:
    """Yield the rows of jobs, the newest last. The last forty haven't ended."""
    # However long the history is, the last report has some hundred jobs, so that its list is a full page.
    rarity = max(timedelta(days=DAYS) // interval // 200, 5)
    chance, now = random.Random(1), datetime.now(UTC)
    for number in range(count):
        is_rare = number % rarity == rarity // 2
        # In a long history each of its few jobs is copied often, so chance must not decide how many of them fail.
        fails = number // rarity % 4 == 0 if is_rare else chance.random() > 0.8
        report = tenant.reports[-1 if is_rare else chance.randrange(REPORTS - 1)]
        user, version = chance.choice(tenant.users), report.current
        remaining = count - number
        queued_at = now - interval * remaining
        job = {
            "id": uuid.UUID(int=chance.getrandbits(128), version=4), "tenant_id": tenant.tenant.pk,
            "report_id": report.pk, "version_id": version.pk, "report_uuid": report.pk, "report_slug": report.slug,
            "report_name": version.name, "version_number": 1, "requested_by_id": user.pk,
            "requested_by_name": user.username, "parameters": {"carrier": chance.choice("AB"), "n": number % 997},
            "format": "csv", "queued_at": queued_at, "available_at": queued_at, "max_attempts": 3,
            "timeout_seconds": 300,
        }  # fmt: skip
        yield job | (_unfinished(queued_at, remaining) if remaining <= 40 else _ended(chance, queued_at, fails))


def _unfinished(started_at: datetime, remaining: int) -> dict[str, Any]:
    """Return the columns of a Queued or, for the older ones, a Running job."""
    if remaining <= 32:
        return {"status": "Queued"}
    later = datetime.now(UTC) + timedelta(hours=1)
    return {
        "status": "Running", "owner": "bench", "host": "host-1", "started_at": started_at,
        "heartbeat_at": started_at, "attempt": 1,
 "fence": 1, "lease_expires_at": later, "deadline_at": later, "percent": 40, "rows": 1234,
    }  # fmt: skip


def _ended(chance: random.Random, queued_at: datetime, fails: bool) -> dict[str, Any]:
    started_at = queued_at + timedelta(seconds=chance.expovariate(2))
    ended = {
        "started_at": started_at, "ended_at": started_at + timedelta(seconds=chance.expovariate(0.1)), "attempt": 1,
        "fence": 1, "host": f"host-{chance.randrange(3)}",
    }  # fmt: skip
    if not fails:
        return {**ended, "status": "Succeeded", "rows": 1000, "bytes": 50_000, "percent": 100}
    [(code, message, fingerprint)] = chance.choices(_FAILURES, _WEIGHTS)
    return {
        **ended, "status": "Failed", "error_code": code, "error_message": message.format(chance.randrange(50)),
        "error_trace": "Trace\n" * 20, "error_fingerprint": fingerprint,
    }  # fmt: skip


def _insert(table: str, rows: list[dict[str, Any]]) -> None:
    from django.db import connection

    from jobs.models import JobExecutionLog

    fields = JobExecutionLog._meta.concrete_fields
    values = [
        tuple(
            field.get_db_prep_save(row.get(field.attname, None if field.null else field.get_default()), connection)
            for field in fields
        )
        for row in rows
    ]
    columns, placeholders = ", ".join(f'"{field.column}"' for field in fields), ", ".join(["%s"] * len(fields))
    with connection.cursor() as cursor:
        cursor.executemany(f"insert into {table} ({columns}) values ({placeholders})", values)


def _create_events_and_artifacts() -> None:
    """Create the events of each job, five if it has ended, and the artifacts of the Succeeded ones."""
    from django.db import connection

    events = (
        ("queued_at", "queued", 0, "true"),
        ("started_at", "claimed", 1, "started_at is not null"),
        ("started_at", "requeued", 1, "ended_at is not null"),
        ("started_at", "claimed", 1, "ended_at is not null"),
        ("ended_at", "succeeded", 1, "status = 'Succeeded'"),
        ("ended_at", "failed", 1, "status = 'Failed'"),
    )
    with connection.cursor() as cursor:
        for column, kind, attempt, condition in events:
            cursor.execute(
                "insert into jobs_jobevent (job_id, at, kind, attempt, fence, details) "
                f"select id, {column}, '{kind}', {attempt}, {attempt}, '{{}}' from {_JOBS} where {condition}"
            )
        cursor.execute(
            "insert into jobs_artifact (job_id, fence, size, sha256, rows, truncated, stamp, expires_at) "
            f"select id, 1, 50000, '{'ab' * 32}', 1000, '', 'x', ended_at from {_JOBS} where status = 'Succeeded'"
        )


def _create_audit_entries() -> None:
    """Create an entry for each job. Their hashes are made up, which doesn't affect the speed of the pages."""
    from django.db import connection

    from audit import chain
    from audit.key import signing_key
    from audit.models import AuditHead, AuditLog

    with connection.cursor() as cursor:
        cursor.execute(
            f"insert into {_AUDIT} (sequence, tenant_id, timestamp, actor, action, target_type, target_id, details, "
            "previous_hash, hash) select row_number() over (order by queued_at), tenant_id, queued_at, "
            "requested_by_name, case when error_code = 'timed_out' then 'Job Retry' else 'Job Generate' end, 'job', "
            f"cast(id as text), '{{}}', '', cast(id as text) from {_JOBS}"
        )
    last = AuditLog.objects.order_by("-sequence")[0]
    seal = chain.head_seal(signing_key(), last.sequence, last.hash)
    AuditHead.objects.update_or_create(pk=1, defaults={"sequence": last.sequence, "hash": last.hash, "seal": seal})


if __name__ == "__main__":
    main()
