"""Times requests of pages inside this process, over the configured database, which bench.monitor.seed_jobs has filled.

`python -m bench.monitor.page_timer` reads lines such as "analyst: overview". It requests that page as that user and
answers with a line: elapsed and CPU milliseconds, or null if the user can't see the page.
`python -m bench.monitor.page_timer TEXT` prints the p95 of all pages whose name contains the text.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from bench.harness.formatting import milliseconds
from bench.harness.statistics import percentile
from reportserver.web.preload import preload

#: Pages by name. The names describe what `analyst` sees: all jobs of some reports, only own jobs of others, or none.
PAGES = {
    "overview": "/",
    "jobs": "/jobs",
    "jobs, Failed": "/jobs?status=Failed",
    "jobs, Queued": "/jobs?status=Queued",
    "jobs, one report": "/jobs?report=report-04",
    "jobs, report without a grant": "/jobs?report=report-06",
    "jobs, text not found in one report": "/jobs?q=report:report-05+nowhere-to-be-found",
    "jobs, rarely run report": "/jobs?report=report-39",
    "jobs, one user": "/jobs?q=user:user03",
    "jobs, text": "/jobs?q=refused",
    "jobs, text not found": "/jobs?q=nowhere-to-be-found",
    "jobs, error text and parameter": "/jobs?q=error:the+param.carrier:A",
    "jobs, rare parameter value": "/jobs?q=param.n:5",
    "jobs, error fingerprint": "/jobs?q=error:a1b2c3d4e5f60001",
    "jobs, weeks ago": "/jobs?until={weeks_ago}",
    "job, Succeeded": "/jobs/{Succeeded}",
    "job, Failed": "/jobs/{Failed}",
    "reports": "/reports",
    "report": "/reports/report-04",
    "report with own jobs only": "/reports/report-05",
    "audit": "/audit",
    "audit, one action": "/audit?action=Job+Retry",
    "audit, rare action": "/audit?action=Sign+In",
    "audit, one actor": "/audit?actor=user03",
    "audit, unknown actor": "/audit?actor=nobody",
    "audit, one target": "/audit?target={Failed}",
    "audit, weeks ago": "/audit?until={weeks_ago}",
    "audit entry": "/audit/17",
    "Django admin, jobs": "/admin/jobs/jobexecutionlog/",
    "Django admin, jobs, Failed": "/admin/jobs/jobexecutionlog/?status__exact=Failed",
    "Django admin, jobs, one user": "/admin/jobs/jobexecutionlog/?q=user:user03",
    "Django admin, audit": "/admin/audit/auditlog/",
    "Django admin, audit, one actor": "/admin/audit/auditlog/?q=user03",
    "Django admin, audit, unknown actor": "/admin/audit/auditlog/?q=nobody",
}
USERS = ("root", "admin", "analyst", "viewer")
NAMES = [f"{user}: {page}" for user in USERS for page in PAGES]
_REQUESTS = 20


class Timing(NamedTuple):
    """Milliseconds of one request."""

    elapsed: float
    cpu: float


def main() -> None:
    os.environ.setdefault("REPORTSERVER_LOG_LEVEL", "WARNING")
    import django

    django.setup()
    preload()
    if len(sys.argv) > 1:
        _print_timings(sys.argv[1])
        return
    for line in sys.stdin:
        print(json.dumps(_time(line.strip())), flush=True)


def _print_timings(text: str) -> None:
    for name in NAMES:
        if text in name and _time(name):
            timings = [_time(name) or Timing(0, 0) for _ in range(_REQUESTS)]
            elapsed, cpu = (percentile(values, 0.95) for values in zip(*timings, strict=True))
            print(f"{name:45} p95 {milliseconds(elapsed):>9}  CPU {milliseconds(cpu):>9}")


def _time(name: str) -> Timing | None:
    username, _, page = name.partition(": ")
    client, placeholders = _sign_in(username)
    start, cpu_start = time.perf_counter(), _cpu_seconds()
    response = client.get(PAGES[page].format(**placeholders))
    timing = Timing((time.perf_counter() - start) * 1000, (_cpu_seconds() - cpu_start) * 1000)
    return timing if response.status_code == 200 else None


@cache
def _sign_in(username: str) -> tuple[Any, dict[str, Any]]:
    """Return a client of this user, and the values of the placeholders in URLs.

    They are the newest Succeeded and Failed job that the user can see, and a time in the middle of the history.
    """
    from django.test import Client

    from accounts.models import User
    from jobs.models import JobExecutionLog

    user = User.objects.get(username=username)
    client = Client(headers={"host": "localhost"}, raise_request_exception=True)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    jobs = JobExecutionLog.objects.visible_to(user)
    newest = {status: jobs.filter(status=status).latest("queued_at").pk for status in ("Succeeded", "Failed")}
    return client, {**newest, "weeks_ago": f"{datetime.now(UTC) - timedelta(days=30):%Y-%m-%dT%H:%M:%SZ}"}


def _cpu_seconds() -> float:
    """Return the CPU seconds of this process, and of the PostgreSQL process that serves it."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return time.process_time()
    connection.ensure_connection()
    backend = connection.connection.info.backend_pid
    # The kernel counts both in nanoseconds.
    return time.process_time() + int(Path(f"/proc/{backend}/schedstat").read_text().split()[0]) / 1e9


if __name__ == "__main__":
    main()
