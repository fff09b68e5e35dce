"""Deliverers are killed between sending and recording; receivers fail or are slow. Everything takes effect once."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.cluster import PATIENCE, Cluster, file_stem, job_files, kill, wait_for
from tests.faults.sinks import DELIVERIES, Sinks, sinks_of
from tests.postgres import restart


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
def test_a_mail_server_that_takes_long_to_accept_a_message_gets_it_once(sqlite_hosts: Cluster, tmp_path: Path) -> None:
    """Longer than it may take for any other reply, and longer than a lease."""
    with sinks_of(sqlite_hosts, tmp_path) as sinks:
        sinks.mails.before_reply = _once(lambda: time.sleep(22))
        assert sinks.took_effect_once(*sinks.submit(1))


@pytest.mark.chaos
def test_a_copy_that_takes_longer_than_a_lease_is_made_once(sqlite_hosts: Cluster, tmp_path: Path) -> None:
    with sinks_of(sqlite_hosts, tmp_path) as sinks, slow_folder(sinks.share, bytes_per_second=40):
        assert sinks.took_effect_once(*sinks.submit(1))
        sql = "select attempt from jobs_delivery where kind = 'file_share' order by created_at desc limit 1"
        assert sqlite_hosts.database(sql) == [{"attempt": 1}]
        (file,) = [path for path in sinks.share.rglob("*") if path.is_file()]
        assert b"\0" not in file.read_bytes()


@pytest.mark.chaos
def test_a_restart_of_the_database_between_sending_and_recording_sends_nothing_twice(
    postgresql_hosts: Cluster, tmp_path: Path
) -> None:
    with sinks_of(postgresql_hosts, tmp_path) as sinks:
        restarted = threading.Event()

        def restart_database() -> None:
            restart(str(postgresql_hosts.database.location))
            restarted.set()

        sinks.mails.before_reply = _once(restart_database)
        jobs = sinks.submit(3)
        assert restarted.wait(PATIENCE)
        assert sinks.took_effect_once(*jobs)


@contextmanager
def slow_folder(folder: Path, *, bytes_per_second: int) -> Iterator[None]:
    """Let everything that is written to a folder take its time, in a file system in user space."""
    if not shutil.which("bindfs"):
        pytest.skip("bindfs is not installed.")
    mounted = subprocess.run(["bindfs", f"--write-rate={bytes_per_second}", folder, folder], check=False)
    if mounted.returncode:
        pytest.skip("File systems in user space can't be mounted here.")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


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
