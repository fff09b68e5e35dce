"""Bursts of which one job reads the rows of all recipients."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections

from common.children.messages import ChildLimits
from jobs.execution import transitions, worker
from jobs.models import JobExecutionLog
from jobs.results.opening import open_result
from reports.dry_run import tasks
from reports.dry_run.limited import run_in_child
from schedules.bursting import splitting
from schedules.models import Slot, SlotRecipient
from tests.schedules.bursting.conftest import MAIL as MAIL_WITH_PARAMETER
from tests.schedules.bursting.conftest import RECIPIENTS, child

#: Ann gets the rows of UA, Ben those of AA.
SPLIT: dict[str, Any] = RECIPIENTS | {"key": "carrier", "parameters": {}, "split_by": "carrier"}
MAIL: dict[str, Any] = MAIL_WITH_PARAMETER | {"subject": "{recipient.name}: {rows}"}


@pytest.fixture
def dry_runs() -> None:
    """The server of children, started before `as_worker` looks which processes it must not kill."""
    run_in_child(tasks.check_syntax, "", actor="tester", limits=ChildLimits(seconds=30))


@pytest.fixture
def worker_here(dry_runs: None, as_worker: set[int], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A worker's fork server. Starting it would close the connection, and with it the transaction of the test."""
    monkeypatch.setattr(connections, "close_all", lambda: None)
    worker.fork_server()
    yield
    worker.fork_server().end()


def run_next() -> JobExecutionLog | None:
    """Claim the next job and run it in a child. Return it as it is afterwards; None if there is none."""
    job = transitions.claim(owner="w", host="h", pid=1)
    if job:
        worker.run_job(job)
        job.refresh_from_db()
    return job


def run_whole(slot: Slot) -> JobExecutionLog:
    """Run the job that reads the rows of all recipients, and let them have theirs."""
    job = run_next()
    assert job and job.pk == Slot.objects.get(pk=slot.pk).job_id, job
    assert splitting.split_ended() == 1
    return job


def run_all(slot: Slot) -> JobExecutionLog:
    """Run all jobs of a slot. Return the one that reads the rows."""
    whole = run_whole(slot)
    while run_next():
        pass
    return whole


def rows_of(job: JobExecutionLog | None) -> list[dict[str, str]]:
    assert job and job.result, job and (job.status, job.error_message, job.error_trace)
    with open_result(job, job.result, job.result.files[0]) as file:
        return list(csv.DictReader(io.StringIO(file.read().decode())))


def rows_for(slot: Slot, key: str) -> list[dict[str, str]]:
    return rows_of(child(slot, key).job)


def waiting(slot: Slot) -> list[str]:
    return list(SlotRecipient.objects.filter(slot=slot, waits=True).order_by("key").values_list("key", flat=True))
