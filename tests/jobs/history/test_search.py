"""What is archived can still be found."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from jobs.delivery import planning
from jobs.history import archiving, lag
from jobs.models import DeliveredOutcome, Delivery, DeliveryPlan, JobExecutionLog

MakeJob = Callable[[], JobExecutionLog]


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("history", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def test_search_finds_jobs_and_entries(archived: JobExecutionLog) -> None:
    assert str(archived.pk) in run("search", "ALICE", "--kind", "job")
    assert "Job Generate" in run("search", str(archived.pk), "--kind", "audit")
    assert run("search", "nobody") == ""
    assert run("search", "--since", "2999-01-01") == run("search", "--until", "1999-01-01") == ""
    (line,) = run("search", "--kind", "job", "--json").splitlines()
    assert json.loads(line)["id"] == str(archived.pk)
    assert len(run("search", "--kind", "audit", "--limit", "1").splitlines()) == 1


def test_show_prints_a_job_with_the_entries_about_it(archived: JobExecutionLog) -> None:
    shown = json.loads(run("show", str(archived.pk)))
    assert shown["status"] == "Succeeded" and shown["events"]
    assert [entry["action"] for entry in shown["audit"]] == ["Job Generate", "Job Succeeded"]
    for unknown in ("6d1f5b8e-2c94-4f0a-9d57-0b1c3e8a7f42", "x"):
        with pytest.raises(CommandError, match="no archived job"):
            run("show", unknown)


def test_search_names_an_archive_that_was_removed(archived: JobExecutionLog, store: Path) -> None:
    for path in (store / "history" / "jobs").iterdir():
        path.unlink()
    with pytest.raises(SystemExit):
        run("search")


def test_what_was_last_delivered_is_still_compared_with(old_job: MakeJob) -> None:
    job = old_job()
    plan = DeliveryPlan.objects.create(job=job, schedule=job.pk, slot=job.queued_at, time_zone="UTC", deliveries=[])
    Delivery.objects.create(
        job=job, name="mail", kind="email", target="a", target_digest="a", state="sent", schedule=job.pk,
        ended_at=job.queued_at, available_at=job.queued_at,
    )  # fmt: skip
    job.artifact.__class__.objects.update(content_digest="d" * 64, rows=7)
    before = planning._last_delivered(plan, "mail")
    assert before and before.digest == "d" * 64
    list(archiving.archive_history())
    assert not Delivery.objects.exists()
    assert planning._last_delivered(plan, "mail") == before
    assert DeliveredOutcome.objects.count() == 1


def test_doctor_and_metrics_know_how_far_archiving_lags(old_job: MakeJob) -> None:
    old_job()
    assert lag.lag_seconds() > 0
    list(archiving.archive_history())
    assert lag.lag_seconds() == 0
