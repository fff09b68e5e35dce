"""Helpers of the acceptance tests: database queries, concurrent calls, temporary reports."""

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
#: Tables that submitting a job writes to.
WRITTEN = ("jobs_jobexecutionlog", "jobs_jobevent", "audit_auditlog", "django_q_ormq")
#: None of these may appear in an answer of the API.
_INNER = ("Traceback", "site-packages", "/jobs/", "/tmp", ".py", ".db", "SELECT", "select ", "sqlite", "no_such_table")  # noqa: S108


@contextmanager
def database(server: RunningServer) -> Iterator[sqlite3.Connection]:
    """Open the server's database file. Each statement is a transaction."""
    connection = sqlite3.connect(server.database(), isolation_level=None, timeout=20)
    connection.row_factory = sqlite3.Row
    # Only the server may make checkpoints; see docs/architecture.md.
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


def row_counts(server: RunningServer) -> dict[str, int]:
    """Count the rows of each table that submitting a job writes to."""
    return {table: query(server, f"select count(*) as n from {table}")[0]["n"] for table in WRITTEN}


def assert_error(answer: httpx.Response, status: int, code: str, sentence: str | None = None) -> dict[str, Any]:
    """Check the status and the body of an error. Return the body."""
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    assert body["code"] == code, body
    assert sentence is None or body["error"] == sentence, body
    assert not [word for word in _INNER if word in answer.text], answer.text
    return body


def run_concurrently(*calls: Callable[[], T]) -> list[T]:
    """Run the calls in threads that start at the same time. Return their results in order, or raise an error."""
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


def wait_until(condition: Callable[[], Any], seconds: float = 30) -> Any:
    """Return the condition's value once it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"Still false after {seconds} s")


def wait_for_window(seconds: float) -> None:
    """Wait until at least that many seconds remain of the current minute, in which calls are counted."""
    wait_until(lambda: 60 - time.time() % 60 >= seconds, seconds=61)


@contextmanager
def temporary_report(administrator: Client, **changes: Any) -> Iterator[str]:
    """Create a report and delete it afterwards, unless the test did. Yields its slug."""
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
    """Create a report whose jobs fail."""
    return temporary_report(administrator, **{"query": "select * from no_such_table", **changes})


def failed_job(client: Client, report: str, **body: Any) -> str:
    job = client.generate(report, **body)
    assert client.wait(job)["status"] == "Failed"
    return job


def succeeded_job(client: Client, report: str = "sales-by-region", **asked: Any) -> str:
    job = client.generate(report, **asked)
    assert client.wait(job)["status"] == "Succeeded"
    return job


def cancel(client: Client, *jobs: str) -> None:
    """Cancel the jobs and wait until they have ended."""
    for job in jobs:
        assert client.post(f"/jobs/{job}/cancel").status_code == 202
    for job in jobs:
        client.wait(job)


def parse_time(text: str) -> datetime:
    """Parse an ISO 8601 date-time, which must have an offset."""
    found = datetime.fromisoformat(text)
    assert found.tzinfo is not None, text
    return found
