"""The rules of tests/faults/history.py: a good history breaks none, and every kind of damage breaks one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.faults.history import Artifact, Delivery, Effect, Event, File, History, Job, violations

START = datetime(2026, 1, 1, tzinfo=UTC)


def event(kind: str, second: float, attempt: int = 1, fence: int = 1, job: str = "a", **more: object) -> Event:
    claim = {"host": "h", "pid": 7} if kind == "claimed" else {}
    return Event(job, kind, START + timedelta(seconds=second), attempt, fence, **{**claim, **more})  # type: ignore[arg-type]


QUEUED = event("queued", 0, 0, 0)
TIMELINE = (
    QUEUED,
    event("claimed", 1),
    event("requeued", 5, code="worker_lost"),
    event("claimed", 6, 2, 3, pid=8),
    event("succeeded", 9, 2, 3),
)
JOB = Job("a", "Succeeded", 2, 3, 3, timedelta(seconds=60), "limited", Artifact(3, 10, "digest", "3-ab"))
FILE = File("a", "3-ab.csv", 10, "digest")
GOOD = History(["a"], {"a": JOB}, TIMELINE, [FILE], START + timedelta(hours=1), {"h": 2}, {"limited": 2})


def changed(job: Job = JOB, events: tuple[Event, ...] = TIMELINE, **more: object) -> History:
    return replace(GOOD, jobs={"a": job}, events=events, **more)  # type: ignore[arg-type]


def simultaneous(*workers: int) -> History:
    """A history of jobs that ran at the same time, each in the worker with that process id."""
    jobs: dict[str, Job] = {}
    events: list[Event] = []
    files: list[File] = []
    for number, pid in enumerate(workers):
        name = str(number)
        jobs[name] = replace(JOB, id=name, fence=1, artifact=Artifact(1, 10, "digest", "1-ab"))
        events += [
            event("queued", 0, 0, 0, name),
            event("claimed", 1, job=name, pid=pid),
            event("succeeded", 9, job=name),
        ]
        files.append(File(name, "1-ab.csv", 10, "digest"))
    return History(list(jobs), jobs, events, files, START, {"h": 9}, {"limited": 2})


def delivered(*effects: Effect, rows: int = 1, state: str = "sent", **more: object) -> History:
    """The good history, with deliveries of its job to one address."""
    outbox = [Delivery("a", "email", "x@example.com", state)] * rows
    return replace(GOOD, deliveries=outbox, effects=effects, **more)  # type: ignore[arg-type]


MAIL = Effect("a", "email", "x@example.com", "id-1")
FAILED = (QUEUED, event("claimed", 1), event("failed", 2))
BROKEN = {
    "does not exist": changed(accepted=["a", "b"]),
    "still Queued": changed(replace(JOB, status="Queued", artifact=None), TIMELINE[:3], files=[]),
    "0 ends": changed(events=TIMELINE[:4]),
    "2 ends": changed(events=(*TIMELINE, event("failed", 10, 2, 3))),
    "timeline says failed": changed(events=FAILED),
    "went on after its end": changed(events=(*TIMELINE, event("claimed", 10, 3, 4))),
    "do not increase": changed(events=(*TIMELINE[:3], event("claimed", 6, 2, 1), event("succeeded", 9, 2, 1))),
    "succeeded with 1": changed(events=(*TIMELINE[:4], event("succeeded", 9, 2, 1))),
    "but was claimed with 3": changed(replace(JOB, fence=2)),
    "earlier attempt had not ended": changed(events=(TIMELINE[0], TIMELINE[1], *TIMELINE[3:])),
    "succeeded 2 times": changed(events=(*TIMELINE, event("succeeded", 10, 2, 3))),
    "has 3 attempts, of 2": changed(replace(JOB, attempt=3, max_attempts=2)),
    "has 4 attempts, of 3": changed(events=(*TIMELINE[:3], event("claimed", 6, 4, 3), TIMELINE[4])),
    "blamed for a timeout after 3.0 s": changed(events=(*TIMELINE[:4], event("failed", 9, 2, 3, code="timeout"))),
    "blamed for an attempt that ended with host_fault": changed(
        events=(*TIMELINE[:2], event("requeued", 5, code="host_fault"), *TIMELINE[3:])
    ),
    "blamed with internal_error": changed(
        replace(JOB, status="Failed", error="internal_error", artifact=None), FAILED, files=[], blameless=["a"]
    ),
    "of 0:01:00 allowed": changed(events=(*TIMELINE[:4], event("succeeded", 132, 2, 3))),
    "is Succeeded and has no result": changed(replace(JOB, artifact=None), files=[]),
    "is Failed and has a result": changed(replace(JOB, status="Failed"), FAILED),
    "shows the result of fence 1": changed(replace(JOB, artifact=Artifact(1, 10, "digest", "1-ab"))),
    "lost the file": changed(files=[]),
    "is not the file that was written": changed(files=[replace(FILE, sha256="another")]),
    "Running past its deadline": changed(replace(JOB, status="Running", artifact=None), TIMELINE[:4], files=[]),
    "The worker h:7 ran 2 jobs": simultaneous(7, 7),
    "The host h ran 2 jobs": replace(simultaneous(7, 8), slots={"h": 1}),
    "The report limited ran 3 times at once, of 2": simultaneous(7, 8, 9),
    "took effect 2 times": delivered(MAIL, replace(MAIL, id="id-2")),
    "has no row in the outbox": delivered(MAIL, replace(MAIL, target="y@example.com")),
    "is 2 times in the outbox": delivered(MAIL, rows=2),
    "did not arrive": delivered(),
    "was never delivered": delivered(state="pending"),
    "of a job that did not succeed": delivered(MAIL, jobs={"a": replace(JOB, status="Failed", artifact=None)}),
    "A process is left: 17 sleep": changed(processes=["17 sleep"]),
    "1 message(s)": changed(messages=1),
    "A file is left: a/1.part": changed(files=[FILE, File("a", "1.part")]),
    "A file is left: a/1.spill": changed(files=[FILE, File("a", "1.spill")]),
    "A file is left: a/1.csv": changed(files=[FILE, File("a", "1.csv")]),
    "A file is left: a/etilqs": changed(files=[FILE, File("a", "etilqs")]),
}


def test_a_good_history_breaks_no_rule() -> None:
    assert violations(GOOD) == []
    assert violations(simultaneous(7, 8)) == []
    assert violations(delivered(MAIL, MAIL)) == [], "a duplicate with the same id is one effect"
    assert violations(delivered(state="failed")) == []


def test_a_failed_job_needs_no_file() -> None:
    failed = replace(JOB, status="Failed", attempt=1, fence=2, artifact=None)
    assert violations(changed(failed, FAILED, files=[])) == []


@pytest.mark.parametrize("sentence", BROKEN)
def test_a_broken_rule_is_reported(sentence: str) -> None:
    sentences = violations(BROKEN[sentence])
    assert any(sentence in reported for reported in sentences), sentences


def test_a_slot_is_free_once_its_worker_is_lost() -> None:
    both = simultaneous(7, 7)
    lost = [
        replace(e, kind="failed", code="worker_lost") if e.kind == "succeeded" and e.job == "0" else e
        for e in both.events
    ]
    job = replace(both.jobs["0"], status="Failed", artifact=None)
    history = replace(both, events=lost, jobs={**both.jobs, "0": job}, files=[f for f in both.files if f.job != "0"])
    assert violations(history) == []


def test_a_fault_of_a_host_costs_no_attempt() -> None:
    refunded = (*TIMELINE[:2], event("requeued", 5, code="host_fault"), event("claimed", 6, 1, 3, pid=8))
    history = changed(replace(JOB, attempt=1), (*refunded, event("succeeded", 9, 1, 3)), blameless=["a"])
    assert violations(history) == []
