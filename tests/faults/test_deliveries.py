"""Deliverers are killed between sending and noting, and receivers fail: all arrives, and nothing takes effect twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.cluster import files, kill, until
from tests.faults.sinks import DELIVERIES, Sinks


def _once(harm: Callable[[], None]) -> Callable[[], None]:
    left = [harm]
    return lambda: left.pop()() if left else None


def test_a_deliverer_killed_between_sending_and_noting_sends_again_under_the_same_id(sinks: Sinks) -> None:
    sinks.mails.before_reply = _once(sinks.kill_deliverers)
    sinks.calls.before_reply = _once(sinks.kill_deliverers)
    jobs = sinks.submit(3)
    sinks.all_ended()
    effects = sinks.effects()
    assert len({effect.key for effect in effects}) == len(jobs) * DELIVERIES
    assert len({effect.id for effect in effects}) == len(jobs) * DELIVERIES
    assert len(effects) > len(jobs) * DELIVERIES, "nothing was sent twice: the deliverer was not killed in between"
    for job in jobs:
        assert sinks.cluster.kinds(job).count("delivered") == DELIVERIES


@pytest.mark.chaos
def test_what_receivers_refuse_is_sent_when_they_take_it_and_the_job_has_succeeded(sinks: Sinks) -> None:
    sinks.mails.reply, sinks.calls.status = "451 not now", 503
    (job,) = sinks.submit(1)
    until(lambda: sinks.cluster.kinds(job).count("delivery_failed") >= 3, 30)
    assert sinks.cluster.database.job(job)["status"] == "Succeeded"
    sinks.mails.reply, sinks.calls.status = "250 OK", 200
    sinks.all_ended()
    assert sinks.cluster.kinds(job).count("delivered") == DELIVERIES


@pytest.mark.chaos
@pytest.mark.parametrize(
    ("place", "victim"),
    [("renamed", "child"), ("row-25", "child"), ("commits", "worker"), ("notes-succeeded", "worker")],
)
def test_a_job_that_was_killed_on_its_way_delivers_once(sinks: Sinks, place: str, victim: str) -> None:
    """Its process in the middle and between rename and commit, its worker before the commit and in its transaction."""
    cluster = sinks.cluster
    with cluster.held(place):
        job = cluster.submit("steps", "delivered")
        cluster.reached(place)
        kill(cluster.child(job) if victim == "child" else cluster.worker(job))
    (row,) = cluster.ended(job)
    assert (row["status"], row["attempt"]) == ("Succeeded", 2)
    assert [path.name for path in files(cluster, job, "*")] == [f"{row['fence']}.csv"]
    assert sinks.took_effect_once(job)
