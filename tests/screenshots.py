"""Pictures of every page in every state, light and dark: `python -m tests.screenshots FOLDER [STATE …]`.

The demo is served by a web server without workers, over jobs that are made up for the state. The state “full” mounts a
small disk, so it is for root.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.server import ROOT, RunningServer, prepare_server, start, stop

#: Of each state: jobs a day, the share that fails, how many wait and run, and seconds since a worker was seen.
STATES: dict[str, tuple[int, float, int, int, int | None]] = {
    "empty": (0, 0, 0, 0, 1),
    "normal": (900, 0.04, 3, 2, 1),
    "failing": (700, 0.6, 2, 1, 1),
    "overloaded": (1500, 0.1, 4200, 4, 3400),
    "full": (700, 0.3, 3, 2, 1),
}
#: Megabytes of the disk in the state “full”, and how many are left.
_DISK, _LEFT = 200, 12
_FAILURES = (
    ("timed_out", "The job took longer than its limit of 300 seconds.", True),
    ("source_unavailable", "The data source “flights” does not answer.", True),
    ("query_failed", "The query was refused: no such column: dep_dely.", False),
)
_PAGES = {
    "overview": "/",
    "jobs": "/jobs",
    "jobs-failed": "/jobs?status=Failed",
    "jobs-search": "/jobs?q=report:carrier-delays+since:24h",
    "jobs-bad-search": "/jobs?q=status:lost+since:never",
    "reports": "/reports",
    "report": "/reports/delay-explorer",
    "report-edit": "/reports/carrier-delays/edit",
    "report-versions": "/reports/carrier-delays/versions",
    "audit": "/audit",
    "audit-entry": "/audit/1",
    "not-found": "/nothing/here",
    "admin": "/admin/",
    "admin-users": "/admin/accounts/user/",
    "admin-user": "/admin/accounts/user/1/change/",
    "admin-sources": "/admin/reports/datasource/",
    "admin-source-new": "/admin/reports/datasource/add/",
    "admin-reports": "/admin/reports/reportconfiguration/",
    "admin-audit": "/admin/audit/auditlog/",
}


#: Pages whose address is not known before: of the first such link of a page.
_LED_TO = {
    "job-failed": ("/jobs?status=Failed", "a.title"),
    "job-running": ("/jobs?status=Running", "a.title"),
    "job-queued": ("/jobs?status=Queued", "a.title"),
    "job-undelivered": ("/jobs?q=report:monthly-mail+status:succeeded", "a.title"),
    "many": ("/jobs", "a[href^='/jobs/many/']"),
}
#: What looks otherwise in another state.
_CHANGING = ("overview", "jobs", "jobs-failed", "reports", "audit")


def main() -> None:
    folder, *states = sys.argv[1:]
    for state in states or STATES:
        with TemporaryDirectory(prefix="screenshots-") as data, _disk(state, data) as use_up:
            server = prepare_server(Path(data), REPORTSERVER_DEMO="1")
            fill = [sys.executable, "-m", "tests.screenshots", "--fill", state]
            subprocess.run(fill, cwd=ROOT, env=server.env, check=True)
            use_up()
            start(server, workers=False)
            try:
                _take_all(server, Path(folder) / state)
            finally:
                stop(server)


@contextmanager
def _disk(state: str, folder: str) -> Iterator[Callable[[], object]]:
    """What uses the folder's disk up, in the state that needs it."""
    if state != "full":
        yield lambda: None
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_DISK}m", "tmpfs", folder], check=True)
    try:
        yield lambda: (Path(folder) / "used").write_bytes(bytes(shutil.disk_usage(folder).free - _LEFT * 2**20))
    finally:
        subprocess.run(["umount", folder], check=True)


def _take_all(server: RunningServer, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for scheme, width in (("light", 1280), ("dark", 1280), ("light", 360), ("dark", 360)):
            _take(_signed_in(browser, server, scheme, width), folder, f"{scheme}-{width}")
        browser.close()


def _signed_in(browser: Browser, server: RunningServer, scheme: Any, width: int) -> Page:
    size: Any = {"width": width, "height": 800}
    password = json.loads((server.folder / "demo-passwords.json").read_text())["admin"]
    page = browser.new_context(base_url=server.url, color_scheme=scheme, viewport=size).new_page()
    page.goto("/login?next=/jobs")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/jobs")
    return page


def _take(page: Page, folder: Path, kind: str) -> None:
    normal = folder.name == "normal"
    pages = {name: path for name, path in _PAGES.items() if normal or name in _CHANGING}
    for name, (path, link) in _LED_TO.items():
        page.goto(path)
        if (first := page.locator(link).first).count():
            pages[name] = str(first.get_attribute("href"))
    for name, path in pages.items():
        page.goto(path)
        page.screenshot(path=folder / f"{name}-{kind}.png", full_page=name not in ("jobs", "audit"))
    page.goto("/jobs?status=Failed")
    if page.locator("#scope").count():
        page.locator("#scope").select_option("all")
        page.get_by_role("button", name="Retry…").click()
        page.get_by_role("dialog").wait_for()
        page.screenshot(path=folder / f"dialog-{kind}.png")


def _fill(state: str) -> None:
    import django

    django.setup()
    from accounts.models import Tenant, User
    from jobs.models import WorkerHost
    from reports.models import ReportConfiguration

    a_day, failing, waiting, running, seen = STATES[state]
    now, pick = datetime.now(UTC), random.Random(1)  # noqa: S311 - not a secret
    if seen is not None:
        at = now - timedelta(seconds=seen if seen > 1 else -3600)
        begun = now - timedelta(days=2)
        WorkerHost.objects.create(
            instance="a" * 32, host="worker-1", pid=1, slots=4, started_at=begun, seen_at=at, restarts=0
        )
    tenant = Tenant.objects.get(slug="demo")
    reports = list(ReportConfiguration.objects.filter(tenant=tenant).select_related("current"))
    people = list(User.objects.filter(tenant=tenant).order_by("username"))
    for number in range(a_day):
        at = now - timedelta(hours=24 * (1 - number / a_day) ** 0.8, seconds=-1)
        _job(pick, reports, people, at, "Failed" if pick.random() < failing else "Succeeded")
    for number in range(waiting):
        _job(pick, reports, people, now - timedelta(seconds=5 + number * min(3400 / waiting, 9)), "Queued")
    for number in range(running):
        _job(pick, reports, people, now - timedelta(seconds=20 + 30 * number), "Running")
    if a_day:
        _undelivered(pick, next(report for report in reports if report.slug == "monthly-mail"), people, now)
    if state == "failing":
        _press(User.objects.get(username="admin"), now)


def _undelivered(pick: random.Random, report: Any, people: list[Any], now: datetime) -> None:
    """A mail that arrived and one that was given up."""
    from jobs.models import Delivery, JobEvent

    job, at = _job(pick, [report], people, now - timedelta(minutes=9), "Succeeded"), now - timedelta(minutes=1)
    told = "The mail server does not answer."
    for address, state, error in (("operations", "sent", ""), ("board", "failed", told)):
        Delivery.objects.create(job=job, kind="email", target=f"{address}@demo-airways.example", target_digest=address,
                                state=state, attempt=12, error=error, available_at=at, ended_at=at)  # fmt: skip
    for kind, message in (("delivered", ""), ("delivery_given_up", told)):
        details = {"kind": "email", "message": message}
        JobEvent.objects.create(job=job, at=at, kind=kind, attempt=1, fence=1, details=details)


def _press(user: Any, now: datetime) -> None:
    """A bulk action that is under way and stays so: somebody holds it for long."""
    from jobs.models import BulkAction

    held, begun = now + timedelta(days=1), now - timedelta(seconds=40)
    BulkAction.objects.create(user=user, action="retry", filters="status=Failed", queued_until=begun, started_at=begun,
                              total=426, done=171, skipped=3, leased_until=held)  # fmt: skip


def _job(pick: random.Random, reports: list[Any], people: list[Any], at: datetime, status: str) -> Any:
    from jobs.models import Artifact, JobEvent, JobExecutionLog

    report, person = pick.choice(reports), pick.choice(people)
    version, begun = report.current, at + timedelta(seconds=pick.expovariate(1.5))
    seconds = pick.expovariate(0.15)
    values: dict[str, Any] = {} if status == "Queued" else {"started_at": begun, "attempt": 1, "fence": 1}
    if status == "Running":
        later = datetime.now(UTC) + timedelta(hours=1)
        values |= {"owner": "a" * 32, "host": "worker-1", "heartbeat_at": datetime.now(UTC), "percent": 62,
                   "rows": 48_211, "lease_expires_at": later, "deadline_at": later}  # fmt: skip
    elif status != "Queued":
        values |= {"host": "worker-1", "rows": pick.randrange(10, 60_000)}
    if status == "Failed":
        code, message, again = _FAILURES[int(pick.random() ** 2 * 3)]
        seconds = 300 if code == "timed_out" else seconds
        values |= {"error_code": code, "error_message": message, "error_retryable": again,
                   "error_fingerprint": f"{abs(hash(code)):016x}"[:16], "error_trace": "Traceback …"}  # fmt: skip
    if status in ("Succeeded", "Failed"):
        values["ended_at"] = ended = begun + timedelta(seconds=seconds)
    job = JobExecutionLog.objects.create(
        id=uuid.UUID(int=pick.getrandbits(128), version=4), tenant=report.tenant, report=report, version=version,
        report_uuid=report.pk, report_slug=report.slug, report_name=version.name, version_number=version.number,
        requested_by=person, requested_by_name=person.username, format=version.formats[0], status=status, queued_at=at,
        available_at=at, max_attempts=3, timeout_seconds=300, **values,
    )  # fmt: skip
    steps = [("queued", at), *([("claimed", begun)] if status != "Queued" else [])]
    if status in ("Succeeded", "Failed"):
        steps.append((status.lower(), ended))
    for kind, when in steps:
        details = {"actor": person.username} if kind == "queued" else {}
        JobEvent.objects.create(job=job, at=when, kind=kind, attempt=1, fence=1, details=details)
    if status == "Succeeded":
        size, rows = pick.randrange(900, 3_000_000), job.rows
        expires = ended + timedelta(days=30)
        Artifact.objects.create(
            job=job, fence=1, size=size, sha256=f"{pick.getrandbits(256):064x}", rows=rows, stamp="", expires_at=expires
        )
    return job


if __name__ == "__main__":
    if sys.argv[1] == "--fill":
        _fill(sys.argv[2])
    else:
        main()
