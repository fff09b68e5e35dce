"""Screenshots of every page in every state, light and dark: `python -m tests.screenshots FOLDER [STATE …]`.

Serves the demo without workers, with generated jobs. The state "full" mounts a small disk, which only root can do.
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
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.server import ROOT, RunningServer, prepare_server, start, stop


@dataclass(frozen=True)
class State:
    """`worker_seen`: seconds since the worker reported; None if there was never one."""

    jobs_per_day: int
    failed_share: float
    queued: int
    running: int
    worker_seen: int | None


STATES = {
    "empty": State(0, 0, 0, 0, 1),
    "normal": State(900, 0.04, 3, 2, 1),
    "failing": State(700, 0.6, 2, 1, 1),
    "overloaded": State(1500, 0.1, 4200, 4, 3400),
    "full": State(700, 0.3, 3, 2, 1),
}
#: Megabytes of the disk in the state "full", and how many are left free.
_DISK, _FREE = 200, 12
#: Error code, message, and whether a retry may help.
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
#: Pages whose URL isn't known in advance: a page, and the selector of the first link on it that leads there.
_LINKED_PAGES = {
    "job-failed": ("/jobs?status=Failed", "a.title"),
    "job-running": ("/jobs?status=Running", "a.title"),
    "job-queued": ("/jobs?status=Queued", "a.title"),
    "job-undelivered": ("/jobs?q=report:monthly-mail+status:succeeded", "a.title"),
    "bulk-progress": ("/jobs", "a[href^='/jobs/many/']"),
}
#: The pages that look different in each state; the others are taken in "normal" only.
_PAGES_OF_EVERY_STATE = ("overview", "jobs", "jobs-failed", "reports", "audit")


def main() -> None:
    folder, *states = sys.argv[1:]
    for state in states or STATES:
        with TemporaryDirectory(prefix="screenshots-") as data, _disk(state, data) as fill_disk:
            server = prepare_server(Path(data), REPORTSERVER_DEMO="1")
            generate = [sys.executable, "-m", "tests.screenshots", "--generate-jobs", state]
            subprocess.run(generate, cwd=ROOT, env=server.env, check=True)
            fill_disk()
            start(server, workers=False)
            try:
                _take_all(server, Path(folder) / state)
            finally:
                stop(server)


@contextmanager
def _disk(state: str, folder: str) -> Iterator[Callable[[], object]]:
    """In the state "full", mount a small disk as the folder. Yields a function that fills it."""
    if state != "full":
        yield lambda: None
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_DISK}m", "tmpfs", folder], check=True)
    try:
        yield lambda: (Path(folder) / "used").write_bytes(bytes(shutil.disk_usage(folder).free - _FREE * 2**20))
    finally:
        subprocess.run(["umount", folder], check=True)


def _take_all(server: RunningServer, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for scheme, width in (("light", 1280), ("dark", 1280), ("light", 360), ("dark", 360)):
            _take(_sign_in(browser, server, scheme, width), folder, f"{scheme}-{width}")
        browser.close()


def _sign_in(browser: Browser, server: RunningServer, scheme: Any, width: int) -> Page:
    size: Any = {"width": width, "height": 800}
    password = json.loads((server.folder / "demo-passwords.json").read_text())["admin"]
    page = browser.new_context(base_url=server.url, color_scheme=scheme, viewport=size).new_page()
    page.goto("/login?next=/jobs")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/jobs")
    return page


def _take(page: Page, folder: Path, suffix: str) -> None:
    pages = {name: path for name, path in _PAGES.items() if folder.name == "normal" or name in _PAGES_OF_EVERY_STATE}
    for name, (path, selector) in _LINKED_PAGES.items():
        page.goto(path)
        if (link := page.locator(selector).first).count():
            pages[name] = str(link.get_attribute("href"))
    for name, path in pages.items():
        page.goto(path)
        page.screenshot(path=folder / f"{name}-{suffix}.png", full_page=name not in ("jobs", "audit"))
    page.goto("/jobs?status=Failed")
    if page.locator("#scope").count():
        page.locator("#scope").select_option("all")
        page.get_by_role("button", name="Retry…").click()
        page.get_by_role("dialog").wait_for()
        page.screenshot(path=folder / f"bulk-confirm-{suffix}.png")


def _generate_jobs(state: State) -> None:
    """Runs in a process of its own, with the server's settings."""
    import django

    django.setup()
    from accounts.models import Tenant, User
    from jobs.models import BulkAction, WorkerHost
    from reports.models import ReportConfiguration

    now, choice = datetime.now(UTC), random.Random(1)  # noqa: S311 - not a secret
    if state.worker_seen is not None:
        # In the future for a worker that is alive: it must not seem dead while the screenshots are taken.
        seen_at = now - timedelta(seconds=state.worker_seen if state.worker_seen > 1 else -3600)
        WorkerHost.objects.create(
            instance="a" * 32, host="worker-1", pid=1, slots=4, started_at=now - timedelta(days=2), seen_at=seen_at
        )
    tenant = Tenant.objects.get(slug="demo")
    reports = list(ReportConfiguration.objects.filter(tenant=tenant).select_related("current"))
    users = list(User.objects.filter(tenant=tenant).order_by("username"))
    for number in range(state.jobs_per_day):
        at = now - timedelta(hours=24 * (1 - number / state.jobs_per_day) ** 0.8, seconds=-1)
        _create_job(choice, reports, users, at, "Failed" if choice.random() < state.failed_share else "Succeeded")
    for number in range(state.queued):
        at = now - timedelta(seconds=5 + number * min(3400 / state.queued, 9))
        _create_job(choice, reports, users, at, "Queued")
    for number in range(state.running):
        _create_job(choice, reports, users, now - timedelta(seconds=20 + 30 * number), "Running")
    if state.jobs_per_day:
        report = next(report for report in reports if report.slug == "monthly-mail")
        _create_deliveries(_create_job(choice, [report], users, now - timedelta(minutes=9), "Succeeded"), now)
    if state is STATES["failing"]:
        # A bulk action that makes no progress: it is leased for a day.
        BulkAction.objects.create(
            user=User.objects.get(username="admin"), action="retry", filters="status=Failed", total=426, done=171,
            skipped=3, queued_until=now, started_at=now - timedelta(seconds=40), leased_until=now + timedelta(days=1),
        )  # fmt: skip


def _create_deliveries(job: Any, now: datetime) -> None:
    """Create an e-mail that was delivered and one that failed."""
    from jobs.models import Delivery, JobEvent

    at, message = now - timedelta(minutes=1), "The mail server does not answer."
    for recipient, state, error in (("operations", "sent", ""), ("board", "failed", message)):
        Delivery.objects.create(
            job=job, kind="email", target=f"{recipient}@demo-airways.example", target_digest=recipient, state=state,
            attempt=12, error=error, available_at=at, ended_at=at,
        )  # fmt: skip
    for kind, text in (("delivered", ""), ("delivery_given_up", message)):
        JobEvent.objects.create(
            job=job, at=at, kind=kind, attempt=1, fence=1, details={"kind": "email", "message": text}
        )


def _create_job(choice: random.Random, reports: list[Any], users: list[Any], queued_at: datetime, status: str) -> Any:
    from jobs.models import Artifact, JobEvent, JobExecutionLog

    report, user = choice.choice(reports), choice.choice(users)
    version, started_at = report.current, queued_at + timedelta(seconds=choice.expovariate(1.5))
    seconds = choice.expovariate(0.15)
    values: dict[str, Any] = {} if status == "Queued" else {"started_at": started_at, "attempt": 1, "fence": 1}
    if status == "Running":
        now = datetime.now(UTC)
        later = now + timedelta(hours=1)
        values |= {
            "owner": "a" * 32, "host": "worker-1", "heartbeat_at": now, "percent": 62, "rows": 48_211,
            "lease_expires_at": later, "deadline_at": later,
        }  # fmt: skip
    elif status != "Queued":
        values |= {"host": "worker-1", "rows": choice.randrange(10, 60_000)}
    if status == "Failed":
        code, message, retryable = _FAILURES[int(choice.random() ** 2 * 3)]
        seconds = 300 if code == "timed_out" else seconds
        values |= {
            "error_code": code, "error_message": message, "error_retryable": retryable,
            "error_fingerprint": f"{abs(hash(code)):016x}"[:16], "error_trace": "Traceback …",
        }  # fmt: skip
    if status in ("Succeeded", "Failed"):
        values["ended_at"] = started_at + timedelta(seconds=seconds)
    job = JobExecutionLog.objects.create(
        id=uuid.UUID(int=choice.getrandbits(128), version=4), tenant=report.tenant, report=report, version=version,
        report_uuid=report.pk, report_slug=report.slug, report_name=version.name, version_number=version.number,
        requested_by=user, requested_by_name=user.username, format=version.formats[0], status=status,
        queued_at=queued_at, available_at=queued_at, max_attempts=3, timeout_seconds=300, **values,
    )  # fmt: skip
    events = [("queued", queued_at, {"actor": user.username})]
    if status != "Queued":
        events.append(("claimed", started_at, {}))
    if "ended_at" in values:
        events.append((status.lower(), values["ended_at"], {}))
    for kind, at, details in events:
        JobEvent.objects.create(job=job, at=at, kind=kind, attempt=1, fence=1, details=details)
    if status == "Succeeded":
        Artifact.objects.create(
            job=job, fence=1, size=choice.randrange(900, 3_000_000), sha256=f"{choice.getrandbits(256):064x}",
            rows=job.rows, stamp="", expires_at=values["ended_at"] + timedelta(days=30),
        )  # fmt: skip
    return job


if __name__ == "__main__":
    if sys.argv[1] == "--generate-jobs":
        _generate_jobs(STATES[sys.argv[2]])
    else:
        main()
