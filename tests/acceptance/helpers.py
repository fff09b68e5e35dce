"""What acceptance tests share: looking into a server's database, calls at the same time, reports of a test's own."""

from __future__ import annotations

import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

import httpx

from tests.server import Client, RunningServer

T = TypeVar("T")
GENERATE = "/reports/sales-by-region/generate"
#: Tables that a request for a job writes to.
WRITTEN = ("jobs_jobexecutionlog", "jobs_jobevent", "audit_auditlog", "django_q_ormq")
#: Nothing of this may ever be told to a client of the API.
_INNER = ("Traceback", "site-packages", "/jobs/", "/tmp", ".py", ".db", "SELECT", "select ", "sqlite", "no_such_table")  # noqa: S108


@contextmanager
def database(server: RunningServer) -> Iterator[sqlite3.Connection]:
    """The server's database file, each statement a transaction of its own."""
    connection = sqlite3.connect(server.database(), isolation_level=None, timeout=20)
    connection.row_factory = sqlite3.Row
    # A checkpoint beside a commit is the server's to make.
    connection.execute("pragma wal_autocheckpoint = 0")
    try:
        yield connection
    finally:
        connection.close()


def query(server: RunningServer, sql: str, *values: object) -> list[dict[str, Any]]:
    with database(server) as connection:
        connection.execute("pragma query_only = 1")
        return [dict(row) for row in connection.execute(sql, values)]


def job_row(server: RunningServer, job_id: str) -> dict[str, Any]:
    (row,) = query(server, "select * from jobs_jobexecutionlog where id = ?", uuid.UUID(job_id).hex)
    return row


def counts(server: RunningServer) -> dict[str, int]:
    """How many rows each table has that a request for a job writes to."""
    return {table: query(server, f"select count(*) as n from {table}")[0]["n"] for table in WRITTEN}


def refused(answer: httpx.Response, status: int, code: str, sentence: str | None = None) -> dict[str, Any]:
    """Check the body of an error, and return it."""
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    assert body["code"] == code, body
    assert sentence is None or body["error"] == sentence, body
    assert not [word for word in _INNER if word in answer.text], answer.text
    return body


def at_once(*calls: Callable[[], T]) -> list[T]:
    """Run the calls in threads that start together; their results in order. An error in one is an error here."""
    results: dict[int, Any] = {}
    barrier = threading.Barrier(len(calls))

    def run(at: int) -> None:
        barrier.wait()
        try:
            results[at] = calls[at]()
        except BaseException as error:  # noqa: BLE001 - raised again below
            results[at] = error

    threads = [threading.Thread(target=run, args=(at,)) for at in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results.values():
        if isinstance(result, BaseException):
            raise result
    return [results[at] for at in range(len(calls))]


def until(condition: Callable[[], Any], seconds: float = 30) -> Any:
    """What the condition gives once it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"Not so after {seconds} s")


def begin_of_window(seconds: float) -> None:
    """Wait until the current minute, in which calls are counted, has at least that many seconds left."""
    until(lambda: 60 - time.time() % 60 >= seconds)


@contextmanager
def own_report(administrator: Client, **changes: Any) -> Iterator[str]:
    """A report of the test's own, deleted afterwards unless the test did; its slug."""
    slug = changes.get("slug") or f"own-{uuid.uuid4().hex[:12]}"
    definition: dict[str, Any] = {
        "slug": slug,
        "name": "A report of a test",
        "data_source": "sales",
        "query": "select region, sum(amount) as total from sale group by region order by region",
        "formats": ["csv", "json"],
        "grants": {"generate": ["analysts"], "view": ["analysts"]},
    }
    answer = administrator.post("/reports", json=definition | changes)
    assert answer.status_code == 201, answer.text
    yield slug
    assert administrator.request("DELETE", f"/reports/{slug}").status_code in (204, 404)


def failing_report(administrator: Client, **changes: Any) -> Any:
    """A report whose every job fails."""
    return own_report(administrator, **{"query": "select * from no_such_table", **changes})


def failed_job(person: Client, report: str, **body: Any) -> str:
    job = person.generate(report, **body)
    assert person.wait(job)["status"] == "Failed"
    return job


def succeeded_job(person: Client, report: str = "sales-by-region", **asked: Any) -> str:
    job = person.generate(report, **asked)
    assert person.wait(job)["status"] == "Succeeded"
    return job


def cancel(person: Client, *jobs: str) -> None:
    """Cancel the jobs and wait for their end."""
    for job in jobs:
        assert person.post(f"/jobs/{job}/cancel").status_code == 202
    for job in jobs:
        person.wait(job)


def moment(text: str) -> datetime:
    """An ISO 8601 date-time with its offset."""
    found = datetime.fromisoformat(text)
    assert found.tzinfo is not None, text
    return found
