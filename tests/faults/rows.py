"""What a cluster left in its database and its folder, read beside it, as the history that is judged."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from tests.faults.history import Artifact, Delivery, Effect, Event, File, History, Job

Row = dict[str, Any]


@dataclass(frozen=True)
class Database:
    """A SQLite file or a PostgreSQL address, read and written with the same statements."""

    where: Path | str

    def __call__(self, sql: str, *values: object) -> list[Row]:
        """The rows of a statement, which is a transaction of its own."""
        if isinstance(self.where, Path):
            with closing(sqlite3.connect(self.where, isolation_level=None, timeout=60)) as connection:
                connection.row_factory = sqlite3.Row
                connection.execute("pragma wal_autocheckpoint = 0")
                return [dict(row) for row in connection.execute(sql, values)]
        with psycopg.connect(self.where, autocommit=True, row_factory=dict_row, connect_timeout=5) as connection:
            cursor = connection.execute(sql.replace("?", "%s"), values or None)
            return cursor.fetchall() if cursor.description else []

    def job(self, id: str) -> Row:
        (row,) = self("select * from jobs_jobexecutionlog where id = ?", self.id(id))
        return row

    def events(self, job: str) -> list[Event]:
        """The job's timeline."""
        return [_event(row) for row in self("select * from jobs_jobevent where job_id = ? order by id", self.id(job))]

    def id(self, job: str) -> str:
        return UUID(job).hex if isinstance(self.where, Path) else job

    def status_of(self, jobs: Iterable[str]) -> dict[str, str]:
        rows = self("select id, status from jobs_jobexecutionlog")
        found = {_id(row["id"]): row["status"] for row in rows}
        return {job: found.get(job, "gone") for job in jobs}

    def messages(self) -> int:
        return int(self("select count(*) as n from django_q_ormq")[0]["n"])


def history(
    database: Database,
    artifacts: Path,
    accepted: Iterable[str],
    slots: Mapping[str, int],
    processes: Iterable[str],
    effects: Iterable[Effect] = (),
) -> History:
    """Everything that is there now."""
    return History(
        accepted=list(accepted),
        jobs=_jobs(database),
        events=[_event(row) for row in database("select * from jobs_jobevent order by id")],
        files=_files(artifacts),
        now=datetime.now(UTC),
        slots=slots,
        limits=_limits(database),
        deliveries=_deliveries(database),
        effects=list(effects),
        messages=database.messages(),
        processes=list(processes),
    )


def _jobs(database: Database) -> dict[str, Job]:
    kept = database("select job_id, fence, size, sha256 from jobs_artifact where purged_at is null")
    results = {_id(row["job_id"]): Artifact(row["fence"], row["size"], row["sha256"]) for row in kept}
    columns = "id, status, attempt, fence, max_attempts, timeout_seconds, report_slug"
    rows = database(f"select {columns} from jobs_jobexecutionlog")
    found = {}
    for row in rows:
        id = _id(row["id"])
        limit = timedelta(seconds=row["timeout_seconds"])
        numbers = (row["attempt"], row["fence"], row["max_attempts"])
        found[id] = Job(id, row["status"], *numbers, limit, row["report_slug"], results.get(id))
    return found


def _limits(database: Database) -> dict[str, int]:
    current = "reports_reportconfiguration r join reports_reportversion v on v.id = r.current_id"
    rows = database(f"select slug, max_running from {current}")
    return {row["slug"]: row["max_running"] for row in rows if row["max_running"]}


def _deliveries(database: Database) -> list[Delivery]:
    rows = database("select job_id, kind, target, state from jobs_delivery")
    return [Delivery(_id(row["job_id"]), row["kind"], row["target"], row["state"]) for row in rows]


def _event(row: Row) -> Event:
    details = json.loads(row["details"]) if isinstance(row["details"], str) else row["details"]
    given = {name: details[name] for name in ("host", "pid", "code") if name in details}
    return Event(_id(row["job_id"]), row["kind"], moment(row["at"]), row["attempt"], row["fence"], **given)


def _files(artifacts: Path) -> list[File]:
    found = []
    for path in artifacts.glob("??/*/*"):
        if path.is_dir():
            found.append(File(path.parent.name, path.name))
            continue
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        found.append(File(path.parent.name, path.name, path.stat().st_size, digest))
    return found


def _id(stored: object) -> str:
    return str(UUID(str(stored)))


def moment(stored: Any) -> datetime:
    """A time as the database gives it; SQLite keeps text, in UTC."""
    found = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    return found if found.tzinfo else found.replace(tzinfo=UTC)
