"""`python -m tests.screenshots.generated_jobs STATE`: create a state's jobs in the configured, prepared database."""

from __future__ import annotations

import random
import sys
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import django


@dataclass(frozen=True)
class State:
    """What a server is doing. `worker_seen`: seconds since the worker reported; None if there never was one."""

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
#: Error code, message, and whether a retry may help.
_FAILURES = (
    ("timeout", "The report took longer than allowed.", True),
    ("source_unavailable", "The data source is not responding. Try again later.", True),
    ("query_failed", "The query names a table or column that does not exist.", False),
)


def main() -> None:
    django.setup()
    _generate_jobs(STATES[sys.argv[1]])


def _generate_jobs(state: State) -> None:
    from accounts.models import Tenant, User
    from jobs.models import BulkAction, WorkerHost
    from reports.models import ReportConfiguration

    now, choice = datetime.now(UTC), random.Random(1)  # noqa: S311 - not a secret
    if state.worker_seen is not None:
        # A live worker reports in the future, so that it doesn't seem dead while the screenshots are taken.
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

    at, message = now - timedelta(minutes=1), "The mail server is not responding."
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
    values: dict[str, Any] = {"turn": int(queued_at.timestamp())}
    if status != "Queued":
        values |= {"started_at": started_at, "attempt": 1, "fence": 1}
    if status == "Running":
        now = datetime.now(UTC)
        later = now + timedelta(hours=1)
        values |= {
            "owner": "a" * 32, "host": "worker-1", "heartbeat_at": now, "lease_expires_at": later, "deadline_at": later,
            "percent": 62, "rows": 62 * (version.max_rows or 60_000) // 100,
        }  # fmt: skip
    elif status != "Queued":
        values |= {"host": "worker-1", "rows": choice.randrange(1, min(version.max_rows or 60_000, 60_000) + 1)}
    if status == "Failed":
        code, message, retryable = _FAILURES[int(choice.random() ** 2 * 3)]
        seconds = 300 if code == "timeout" else seconds
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
            job=job, fence=1, size=900 + job.rows * choice.randrange(20, 120), sha256=f"{choice.getrandbits(256):064x}",
            rows=job.rows, stamp="", expires_at=values["ended_at"] + timedelta(days=30),
        )  # fmt: skip
    return job


if __name__ == "__main__":
    main()
