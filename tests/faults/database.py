"""The database of a cluster, read and written directly, and the history that the cluster left in it and on disk."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from tests.faults import database_clock
from tests.faults.history import Artifact, Delivery, Effect, Event, File, History, Job

Row = dict[str, Any]


@dataclass(frozen=True)
class Database:
    """A SQLite file or a PostgreSQL URL. Both take the same statements."""

    location: Path | str
    #: By how many seconds the clock was ahead in events with a larger number, in the order of these numbers.
    clock_steps: list[tuple[int, float]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return "SQLite" if isinstance(self.location, Path) else "PostgreSQL"

    def __call__(self, sql: str, *values: object) -> list[Row]:
        """Run a statement in its own transaction, and return its rows."""
        if isinstance(self.location, Path):
            with closing(sqlite3.connect(self.location, isolation_level=None, timeout=60)) as connection:
                connection.row_factory = sqlite3.Row
                connection.execute("pragma wal_autocheckpoint = 0")
                return [dict(row) for row in connection.execute(sql, values)]
        with self._connect() as connection:
            cursor = connection.execute(sql.replace("?", "%s"), values or None)
            return cursor.fetchall() if cursor.description else []

    def _connect(self) -> psycopg.Connection[Row]:
        """Connect to PostgreSQL, which a test may just restart."""
        give_up_at = time.monotonic() + 15
        while True:
            try:
                return psycopg.connect(self.location, autocommit=True, row_factory=dict_row, connect_timeout=5)
            except psycopg.OperationalError:
                if time.monotonic() > give_up_at:
                    raise
            time.sleep(0.1)

    def job(self, job: str) -> Row:
        (row,) = self("select * from jobs_jobexecutionlog where id = ?", self.stored_id(job))
        return row

    def events(self, job: str) -> list[Event]:
        """Return the job's timeline."""
        rows = self("select * from jobs_jobevent where job_id = ? order by id", self.stored_id(job))
        return [self._event(row) for row in rows]

    def all_events(self) -> list[Event]:
        return [self._event(row) for row in self("select * from jobs_jobevent order by id")]

    def set_clock(self, seconds: float) -> None:
        """Set the database's clock this many seconds ahead of the true time, for all that the server does."""
        (newest,) = self("select coalesce(max(id), 0) as id from jobs_jobevent")
        self.clock_steps.append((newest["id"], seconds))
        if isinstance(self.location, Path):
            database_clock.set_sqlite(self.location.parent, seconds)
        else:
            self("update faults_clock.step set seconds = ?", seconds)

    def _event(self, row: Row) -> Event:
        """Return an event, with its true time."""
        details = json.loads(row["details"]) if isinstance(row["details"], str) else row["details"]
        known = {name: details[name] for name in ("host", "pid", "code") if name in details}
        ahead = next((step for after, step in reversed(self.clock_steps) if row["id"] > after), 0.0)
        at = parse_time(row["at"]) - timedelta(seconds=ahead)
        return Event(_id(row["job_id"]), row["kind"], at, row["attempt"], row["fence"], **known)

    def stored_id(self, job: str) -> str:
        """Return the job's id as this database stores it."""
        return UUID(job).hex if isinstance(self.location, Path) else job

    def status_of(self, jobs: Iterable[str]) -> dict[str, str]:
        """Return the status of each job, or 'gone' if there is no such job."""
        rows = self("select id, status from jobs_jobexecutionlog")
        statuses = {_id(row["id"]): row["status"] for row in rows}
        return {job: statuses.get(job, "gone") for job in jobs}

    def message_count(self) -> int:
        return int(self("select count(*) as n from django_q_ormq")[0]["n"])


def read_history(
    database: Database,
    artifacts: Path,
    accepted: Iterable[str],
    slots: Mapping[str, int],
    processes: Iterable[str],
    effects: Iterable[Effect] = (),
    blameless: Iterable[str] = (),
) -> History:
    """Return everything that is there now."""
    return History(
        accepted=list(accepted),
        jobs=_jobs(database),
        events=database.all_events(),
        files=_files(artifacts),
        now=datetime.now(UTC),
        slots=slots,
        limits=_limits(database),
        deliveries=_deliveries(database),
        effects=list(effects),
        blameless=list(blameless),
        messages=database.message_count(),
        processes=list(processes),
    )


def _jobs(database: Database) -> dict[str, Job]:
    rows = database("select job_id, fence, claim_token, size, sha256 from jobs_artifact where purged_at is null")
    artifacts = {_id(row["job_id"]): _artifact(row) for row in rows}
    columns = "id, status, attempt, fence, max_attempts, timeout_seconds, report_slug, error_code"
    jobs = {}
    for row in database(f"select {columns} from jobs_jobexecutionlog"):
        job = _id(row["id"])
        jobs[job] = Job(
            id=job,
            status=row["status"],
            attempt=row["attempt"],
            fence=row["fence"],
            max_attempts=row["max_attempts"],
            timeout=timedelta(seconds=row["timeout_seconds"]),
            report=row["report_slug"],
            artifact=artifacts.get(job),
            error=row["error_code"],
        )
    return jobs


def _artifact(row: Row) -> Artifact:
    stem = f"{row['fence']}-{row['claim_token']}"
    return Artifact(row["fence"], row["size"], row["sha256"], stem)


def _limits(database: Database) -> dict[str, int]:
    current = "reports_reportconfiguration r join reports_reportversion v on v.id = r.current_id"
    rows = database(f"select slug, max_running from {current}")
    return {row["slug"]: row["max_running"] for row in rows if row["max_running"]}


def _deliveries(database: Database) -> list[Delivery]:
    rows = database("select job_id, kind, target, state from jobs_delivery")
    return [Delivery(_id(row["job_id"]), row["kind"], row["target"], row["state"]) for row in rows]


def _files(artifacts: Path) -> list[File]:
    files = []
    for path in artifacts.glob("??/*/*"):
        if path.is_dir():
            files.append(File(path.parent.name, path.name))
            continue
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        files.append(File(path.parent.name, path.name, path.stat().st_size, digest))
    return files


def _id(stored: object) -> str:
    return str(UUID(str(stored)))


def parse_time(stored: Any) -> datetime:
    """Return a time that the database returned. SQLite stores text, in UTC."""
    time = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    return time if time.tzinfo else time.replace(tzinfo=UTC)
