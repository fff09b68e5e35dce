"""The database's clock is set back or ahead by an hour. No job waits for the old time, and none is blamed."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from tests.faults.cluster import LEASE, ROUND, Cluster, all_end, kill, wait_for
from tests.faults.sinks import Sinks

#: Seconds in which workers and reconcilers have noticed that the clock was set.
_NOTICED = 10


@pytest.fixture(autouse=True)
def true_time(cluster: Cluster) -> Iterator[None]:
    yield
    cluster.database.set_clock(0)
    time.sleep(4)


@pytest.mark.parametrize("seconds", [-3600, pytest.param(3600, marks=pytest.mark.chaos)])
def test_jobs_that_wait_start_at_once(cluster: Cluster, seconds: float) -> None:
    """Those that were never run, and one that waits for its second attempt."""
    with cluster.hold_at("before-claim"):
        jobs = [cluster.submit() for _ in range(6)]
        cluster.database.set_clock(seconds)
    failed = cluster.submit("exit:1")
    started_at = time.monotonic()
    rows = cluster.wait_ended(*jobs)
    assert {(row["status"], row["attempt"]) for row in rows} == {("Succeeded", 1)}
    assert time.monotonic() - started_at < _NOTICED + 10
    (row,) = cluster.wait_ended(failed)
    assert (row["error_code"], row["attempt"]) == ("worker_lost", 3)


@pytest.mark.parametrize("seconds", [3600, pytest.param(-3600, marks=pytest.mark.chaos)])
def test_a_job_that_runs_goes_on(cluster: Cluster, seconds: float) -> None:
    go = cluster.server.folder / "go-clock"
    go.unlink(missing_ok=True)
    job = cluster.submit(f"waits-for-file:{go}")
    child = cluster.child(job)
    cluster.database.set_clock(seconds)
    time.sleep(LEASE + 2 * ROUND)
    assert child.is_running()
    go.touch()
    (row,) = cluster.wait_ended(job)
    assert (row["status"], row["attempt"]) == ("Succeeded", 1)


@pytest.mark.parametrize("seconds", [-3600, pytest.param(3600, marks=pytest.mark.chaos)])
def test_a_job_whose_worker_is_lost_is_run_again(cluster: Cluster, seconds: float) -> None:
    """Its worker is paused when the clock is set, and so are its fork server and its child."""
    with cluster.hold_at("row-25"):
        job = cluster.submit("steps")
        cluster.wait_at("row-25")
        worker = cluster.worker(job)
        stopped = [worker, *worker.children(recursive=True)]
        for process in stopped:
            kill(process, signal.SIGSTOP)
        cluster.database.set_clock(seconds)
        started_at = time.monotonic()
        wait_for(lambda: cluster.event_kinds(job).count("claimed") == 2)
        assert time.monotonic() - started_at < LEASE + _NOTICED + 5
    (row,) = cluster.wait_ended(job)
    for process in stopped:
        kill(process, signal.SIGCONT)
    assert all_end([stopped[-1]])
    assert (row["status"], row["attempt"]) == ("Succeeded", 2)


@pytest.mark.parametrize("seconds", [-3600, pytest.param(3600, marks=pytest.mark.chaos)])
def test_deliveries_are_sent_although_the_clock_was_set(sinks: Sinks, seconds: float) -> None:
    """They are in the outbox, and no deliverer has claimed them yet."""
    cluster = sinks.cluster
    with cluster.hold_at("before-deliver"):
        job = cluster.submit(report="delivered")
        cluster.wait_ended(job)
        cluster.database.set_clock(seconds)
    started_at = time.monotonic()
    sinks.wait_delivered()
    assert time.monotonic() - started_at < 60
    assert sinks.took_effect_once(job)


def test_a_host_that_is_lost_no_longer_counts_as_alive(cluster: Cluster) -> None:
    """Its last report is in the future by then."""
    cluster.stop_all_hosts()
    host = cluster.start_host()
    wait_for(lambda: cluster.is_complete(host))
    host.kill()
    host.wait(30)
    cluster.hosts.remove(host)
    cluster.database.set_clock(-3600)
    doctor = cluster.server.manage("doctor", check=False).stdout
    assert "No worker is active." in doctor, doctor
