"""A long history for the monitor: `python -m bench.seed_jobs 1000000` fills the configured, prepared database."""

from __future__ import annotations

import argparse
import json
import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import django

REPORTS, PEOPLE, DAYS = 40, 12, 60
PASSWORD = "a long password 1"
#: So many jobs are made one by one, and then again and again with other times and ids, which the database does faster.
_BLOCK = 20_000
_FAILURES = (
    ("query_failed", "The query was refused: no such column: carrier_{}.", "a1b2c3d4e5f60001"),
    ("timed_out", "The job took longer than its limit of 300 seconds.", "a1b2c3d4e5f60002"),
    ("worker_lost", "The worker that ran the job ended without a word, {} times.", "a1b2c3d4e5f60003"),
    ("source_unreachable", "The data source does not answer on port {}.", "a1b2c3d4e5f60004"),
)
#: One way to fail is common.
_WEIGHTS = (5, 1, 1, 1)
_JOBS, _AUDIT = "jobs_jobexecutionlog", "audit_auditlog"
_TABLES = (_JOBS, "jobs_jobevent", "jobs_artifact", _AUDIT)


def main() -> None:
    """Who is made: `root` (superuser), `admin` (Administrator), `analyst` (views a quarter of the reports), `rare` (one
    small report)."""
    parser = argparse.ArgumentParser(prog="python -m bench.seed_jobs", description=__doc__)
    parser.add_argument("jobs", type=int)
    wanted = parser.parse_args().jobs
    django.setup()
    with _in_bulk():
        _jobs_of(_world(), wanted)
        _follow()
        _write_audit()
    print(f"{wanted:,} jobs")


@contextmanager
def _in_bulk() -> Iterator[None]:
    """Without indexes, which are built at the end; and without what protects data that is worth something."""
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


def _world() -> dict[str, Any]:
    from django.contrib.auth.models import Group, Permission

    from accounts.models import Tenant, User
    from reports.models import DataSource, DeliveryTarget, ReportConfiguration, ReportVersion, RoleGrant, UserGrant

    tenant = Tenant.objects.create(slug="acme", name="Acme Inc.")
    people = [User.objects.create_user(f"person{number:02}", tenant=tenant) for number in range(PEOPLE)]
    for name in ("admin", "analyst", "rare"):
        people.append(User.objects.create_user(name, password=PASSWORD, tenant=tenant))
    User.objects.create_superuser("root", password=PASSWORD)
    Group.objects.get_or_create(name="Administrator")[0].user_set.add(people[PEOPLE])
    analysts = Group.objects.create(name="bench-analysts")
    analysts.user_set.add(people[PEOPLE + 1])
    source = DataSource.objects.create(tenant=tenant, slug="nowhere", kind="sqlite", location="/nowhere.db")
    view = Permission.objects.get(codename="view_reportconfiguration")
    generate = Permission.objects.get(codename="generate_reportconfiguration")
    reports = []
    for number in range(REPORTS):
        report = ReportConfiguration.objects.create(tenant=tenant, slug=f"report-{number:02}")
        report.current = ReportVersion.objects.create(
            report=report, number=1, name=f"Report {number:02}", data_source=source, query="select 1",
            formats=["csv"], created_by="bench",
        )  # fmt: skip
        report.save()
        DeliveryTarget.objects.create(version=report.current, kind="api_response", mode="asynchronous")
        if number % 4 == 0:
            RoleGrant.objects.create(content_object=report, group=analysts, permission=view)
        elif number % 4 == 1:
            RoleGrant.objects.create(content_object=report, group=analysts, permission=generate)
        reports.append(report)
    UserGrant.objects.create(content_object=reports[-1], user=people[-1], permission=view)
    return {"tenant": tenant, "people": people, "reports": reports, "random": random.Random(1)}


def _jobs_of(world: dict[str, Any], wanted: int) -> None:
    from django.db import connection, transaction

    from jobs.models import JobExecutionLog

    block = min(wanted, _BLOCK)
    columns = [field.column for field in JobExecutionLog._meta.concrete_fields]
    names = ", ".join(f'"{column}"' for column in columns)
    with transaction.atomic():
        _insert(_JOBS, list(_jobs(world, block, timedelta(days=DAYS) / wanted)))
    with connection.cursor() as cursor:
        cursor.execute(f"create temporary table newest as select * from {_JOBS}")
        cursor.execute(f"delete from {_JOBS}")
        for copy in range(-(-wanted // block) - 1, -1, -1):
            back = copy * block * (timedelta(days=DAYS) / wanted).total_seconds()
            values = ", ".join(_copied(connection.vendor, column, back) for column in columns)
            ended = "where ended_at is not null " if copy else ""
            cursor.execute(f"insert into {_JOBS} ({names}) select {values} from newest {ended}order by queued_at")


def _copied(vendor: str, column: str, back: float) -> str:
    """A column of a copy that is so many seconds older; the newest are kept as they are."""
    if not back:
        return f'"{column}"'
    if column == "id":
        return "lower(hex(randomblob(16)))" if vendor == "sqlite" else "gen_random_uuid()"
    if column not in ("queued_at", "available_at", "started_at", "ended_at"):
        return f'"{column}"'
    if vendor == "sqlite":
        return f"strftime('%Y-%m-%d %H:%M:%f000', {column}, '-{back:.3f} seconds')"
    return f"{column} - interval '{back:.3f} seconds'"


def _jobs(world: dict[str, Any], block: int, step: timedelta) -> Iterator[dict[str, Any]]:
    """The newest job last; the last forty are unfinished."""
    rarity = max(timedelta(days=DAYS) // step // 200, 5)
    pick, now = world["random"], datetime.now(UTC)
    for number in range(block):
        # The last report is rare: some hundred jobs, whatever the history's length, so that its list is a full page.
        # Of a history of many, a block has few of them, which are copied: every fourth fails, and not by luck.
        is_rare = number % rarity == rarity // 2
        fails = number // rarity % 4 == 0 if is_rare else pick.random() > 0.8
        report = world["reports"][-1 if is_rare else pick.randrange(REPORTS - 1)]
        person, version = pick.choice(world["people"]), report.current
        left = block - number
        at = now - step * left
        job = {
            "id": uuid.UUID(int=pick.getrandbits(128), version=4), "tenant_id": world["tenant"].pk,
            "report_id": report.pk, "version_id": version.pk, "report_uuid": report.pk, "report_slug": report.slug,
            "report_name": version.name, "version_number": 1, "requested_by_id": person.pk,
            "requested_by_name": person.username, "parameters": {"carrier": pick.choice("AB"), "n": number % 997},
            "format": "csv", "queued_at": at, "available_at": at, "max_attempts": 3, "timeout_seconds": 300,
        }  # fmt: skip
        yield job | (_unfinished(at, left) if left <= 40 else _ended(pick, at, fails))


def _unfinished(at: datetime, left: int) -> dict[str, Any]:
    if left <= 32:
        return {"status": "Queued"}
    later = datetime.now(UTC) + timedelta(hours=1)
    return {
        "status": "Running", "owner": "bench", "host": "host-1", "started_at": at, "heartbeat_at": at, "attempt": 1,
        "fence": 1, "lease_expires_at": later, "deadline_at": later, "percent": 40, "rows": 1234,
    }  # fmt: skip


def _ended(pick: random.Random, at: datetime, fails: bool) -> dict[str, Any]:
    begun = at + timedelta(seconds=pick.expovariate(2))
    ended = {
        "started_at": begun, "ended_at": begun + timedelta(seconds=pick.expovariate(0.1)), "attempt": 1, "fence": 1,
        "host": f"host-{pick.randrange(3)}",
    }  # fmt: skip
    if not fails:
        return {**ended, "status": "Succeeded", "rows": 1000, "bytes": 50_000, "percent": 100}
    [(code, message, fingerprint)] = pick.choices(_FAILURES, _WEIGHTS)
    failed = {"error_code": code, "error_message": message.format(pick.randrange(50)), "error_trace": "Trace\n" * 20}
    return {**ended, "status": "Failed", "error_fingerprint": fingerprint, **failed}


def _insert(table: str, rows: list[dict[str, Any]]) -> None:
    from django.db import connection

    from jobs.models import JobExecutionLog

    fields = JobExecutionLog._meta.concrete_fields
    given = [
        tuple(
            field.get_db_prep_save(row.get(field.attname, None if field.null else field.get_default()), connection)
            for field in fields
        )
        for row in rows
    ]
    columns, places = ", ".join(f'"{field.column}"' for field in fields), ", ".join(["%s"] * len(fields))
    with connection.cursor() as cursor:
        cursor.executemany(f"insert into {table} ({columns}) values ({places})", given)


def _follow() -> None:
    """Each job's events, five for one that ended, and the results of the Succeeded ones."""
    from django.db import connection

    nothing = json.dumps({})
    steps = (
        ("queued_at", "queued", 0, "true"),
        ("started_at", "claimed", 1, "started_at is not null"),
        ("started_at", "requeued", 1, "ended_at is not null"),
        ("started_at", "claimed", 1, "ended_at is not null"),
        ("ended_at", "succeeded", 1, "status = 'Succeeded'"),
        ("ended_at", "failed", 1, "status = 'Failed'"),
    )
    with connection.cursor() as cursor:
        for column, kind, attempt, condition in steps:
            cursor.execute(
                "insert into jobs_jobevent (job_id, at, kind, attempt, fence, details) "
                f"select id, {column}, '{kind}', {attempt}, {attempt}, '{nothing}' from {_JOBS} where {condition}"
            )
        cursor.execute(
            "insert into jobs_artifact (job_id, fence, size, sha256, rows, truncated, stamp, expires_at) "
            f"select id, 1, 50000, '{'ab' * 32}', 1000, '', 'x', ended_at from {_JOBS} where status = 'Succeeded'"
        )


def _write_audit() -> None:
    """An entry per job, under hashes that nobody computed: how fast the page is does not depend on them."""
    from django.db import connection

    from audit import actions, chain
    from audit.models import AuditHead, AuditLog

    with connection.cursor() as cursor:
        cursor.execute(
            f"insert into {_AUDIT} (sequence, tenant_id, timestamp, actor, action, target_type, target_id, details, "
            "previous_hash, hash) select row_number() over (order by queued_at), tenant_id, queued_at, "
            "requested_by_name, case when error_code = 'timed_out' then 'Job Retry' else 'Job Generate' end, 'job', "
            f"cast(id as text), '{{}}', '', cast(id as text) from {_JOBS}"
        )
    last = AuditLog.objects.order_by("-sequence")[0]
    seal = chain.head_seal(actions.signing_key(), last.sequence, last.hash)
    AuditHead.objects.update_or_create(pk=1, defaults={"sequence": last.sequence, "hash": last.hash, "seal": seal})


if __name__ == "__main__":
    main()
