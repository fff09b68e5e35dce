"""Calls pages of the configured database, which bench.seed_jobs filled, in the process itself, and times them.

`python -m bench.pages` makes each call that a line of its input names and answers with a line: milliseconds on the
clock and of the processor, or null where the person has no such page. `python -m bench.pages NAME` prints some p95s.
"""

from __future__ import annotations

import json
import os
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

from bench.stats import milliseconds, percentile
from reportserver.web.preload import preload

PAGES = {
    "overview": "/",
    "jobs": "/jobs",
    "jobs, Failed": "/jobs?status=Failed",
    "jobs, Queued": "/jobs?status=Queued",
    "jobs, one report": "/jobs?report=report-04",
    "jobs, report of others": "/jobs?report=report-06",
    "jobs, nowhere in one report": "/jobs?q=report:report-05+nowhere-to-be-found",
    "jobs, rare report": "/jobs?report=report-39",
    "jobs, one person": "/jobs?q=user:person03",
    "jobs, text": "/jobs?q=refused",
    "jobs, text nowhere": "/jobs?q=nowhere-to-be-found",
    "jobs, error and parameter": "/jobs?q=error:the+param.carrier:A",
    "jobs, rare parameter": "/jobs?q=param.n:5",
    "jobs, one error": "/jobs?q=error:a1b2c3d4e5f60001",
    "jobs, page of long ago": "/jobs?until=2026-10-20T00:00:00Z",
    "job, Succeeded": "/jobs/{Succeeded}",
    "job, Failed": "/jobs/{Failed}",
    "reports": "/reports",
    "report": "/reports/report-04",
    "audit": "/audit",
    "audit, one action": "/audit?action=Job+Retry",
    "audit, rare action": "/audit?action=Sign+In",
    "audit, one actor": "/audit?actor=person03",
    "audit, nobody": "/audit?actor=nobody",
    "audit, one target": "/audit?target={Failed}",
    "audit, long ago": "/audit?until=2026-10-20T00:00:00Z",
    "audit entry": "/audit/17",
    "report of others": "/reports/report-05",
    "admin, jobs": "/admin/jobs/jobexecutionlog/",
    "admin, jobs, Failed": "/admin/jobs/jobexecutionlog/?status__exact=Failed",
    "admin, jobs, one person": "/admin/jobs/jobexecutionlog/?q=user:person03",
    "admin, audit": "/admin/audit/auditlog/",
    "admin, audit, one actor": "/admin/audit/auditlog/?q=person03",
    "admin, audit, nobody": "/admin/audit/auditlog/?q=nobody",
}
PEOPLE = ("root", "admin", "analyst", "rare")
NAMES = [f"{person}: {page}" for person in PEOPLE for page in PAGES]
_RUNS = 20


def main() -> None:
    os.environ.setdefault("REPORTSERVER_LOG_LEVEL", "WARNING")
    import django

    django.setup()
    preload()
    if len(sys.argv) > 1:
        _print(sys.argv[1])
        return
    for line in sys.stdin:
        print(json.dumps(_call(line.strip())), flush=True)


def _print(part: str) -> None:
    for name in NAMES:
        if part in name and _call(name):
            taken = [_call(name) or (0.0, 0.0) for _ in range(_RUNS)]
            wall, cpu = (percentile(list(values), 0.95) for values in zip(*taken, strict=True))
            print(f"{name:45} p95 {milliseconds(wall):>9}  CPU {milliseconds(cpu):>9}")


def _call(name: str) -> tuple[float, float] | None:
    person, _, page = name.partition(": ")
    client, newest = _signed_in(person)
    wall, cpu = time.perf_counter(), _processor_seconds()
    answer = client.get(PAGES[page].format(**newest))
    taken = (time.perf_counter() - wall) * 1000, (_processor_seconds() - cpu) * 1000
    return taken if answer.status_code == 200 else None


@cache
def _signed_in(person: str) -> tuple[Any, dict[str, Any]]:
    """A browser of that person, and the newest job that is seen in each status in which jobs end."""
    from django.test import Client

    from accounts.models import User
    from jobs.models import JobExecutionLog

    user = User.objects.get(username=person)
    client = Client(headers={"host": "localhost"}, raise_request_exception=True)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    jobs = JobExecutionLog.objects.visible_to(user)
    return client, {status: jobs.filter(status=status).latest("queued_at").pk for status in ("Succeeded", "Failed")}


def _processor_seconds() -> float:
    """Of this process, and of PostgreSQL's that serves it: the kernel counts each in nanoseconds."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return time.process_time()
    connection.ensure_connection()
    backend = connection.connection.info.backend_pid
    return time.process_time() + int(Path(f"/proc/{backend}/schedstat").read_text().split()[0]) / 1e9


if __name__ == "__main__":
    main()
