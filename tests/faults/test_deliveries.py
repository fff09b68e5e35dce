"""Deliverers are killed between sending and recording, and receivers fail. Everything arrives and takes effect once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.cluster import file_stem, job_files, kill, wait_for
from tests.faults.sinks import DELIVERIES, Sinks


def _once(harm: Callable[[], None]) -> Callable[[], None]:
    left = [harm]
    return lambda: left.pop()() if left else None


def test_a_deliverer_that_is_killed_before_it_records_a_delivery_repeats_it_with_the_same_id(sinks: Sinks) -> None:
    sinks.mails.before_reply = _once(sinks.kill_deliverers)
    sinks.calls.before_reply = _once(sinks.kill_deliverers)
    jobs = sinks.submit(3)
    sinks.wait_delivered()
    effects = sinks.effects()
    assert len({effect.key for effect in effects}) == len(jobs) * DELIVERIES
    assert len({effect.id for effect in effects}) == len(jobs) * DELIVERIES
    assert len(effects) > len(jobs) * DELIVERIES, "nothing was sent twice, so no deliverer was killed in between"
    for job in jobs:
        assert sinks.cluster.event_kinds(job).count("delivered") == DELIVERIES


@pytest.mark.chaos
def test_a_delivery_that_its_receiver_refuses_is_sent_later_and_the_job_succeeds_meanwhile(sinks: Sinks) -> None:
    sinks.mails.reply, sinks.calls.status = "451 not now", 503
    (job,) = sinks.submit(1)
    wait_for(lambda: sinks.cluster.event_kinds(job).count("delivery_failed") >= 3, 30)
    assert sinks.cluster.database.job(job)["status"] == "Succeeded"
    sinks.mails.reply, sinks.calls.status = "250 OK", 200
    sinks.wait_delivered()
    assert sinks.cluster.event_kinds(job).count("delivered") == DELIVERIES


@pytest.mark.chaos
@pytest.mark.parametrize(
    ("gate", "victim"),
    [
        ("after-publish", "child"),
        ("row-25", "child"),
        ("before-commit", "worker"),
        ("before-event-succeeded", "worker"),
    ],
)
def test_a_job_that_is_killed_anywhere_delivers_once(sinks: Sinks, gate: str, victim: str) -> None:
    """Its child halfway and between rename and commit, its worker before the commit and in its transaction."""
    cluster = sinks.cluster
    with cluster.hold_at(gate):
        job = cluster.submit("steps", "delivered")
        cluster.wait_at(gate)
        kill(cluster.child(job) if victim == "child" else cluster.worker(job))
    (row,) = cluster.wait_ended(job)
    assert (row["status"], row["attempt"]) == ("Succeeded", 2)
    assert [path.name for path in job_files(cluster, job, "*")] == [f"{file_stem(row)}.csv"]
    assert sinks.took_effect_once(job)
