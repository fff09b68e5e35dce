"""The disk for results is full: jobs are retried, and the server reports the problem and keeps running."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.faults.cluster import Cluster, wait_for


@pytest.fixture
def filler(sqlite_hosts: Cluster) -> Iterator[Path]:
    """The path of a file that fills the file system of the results."""
    artifacts = sqlite_hosts.server.folder / "artifacts"
    if not artifacts.is_mount():
        pytest.skip("Only root can mount a file system.")
    yield artifacts / "filler"
    (artifacts / "filler").unlink(missing_ok=True)


def test_a_server_with_a_full_disk_reports_it_and_keeps_running(sqlite_hosts: Cluster, filler: Path) -> None:
    fill_disk(filler)
    ready = sqlite_hosts.server.probe()
    assert (ready.status_code, ready.json()["storage"]) == (503, "failing")
    doctor = sqlite_hosts.server.manage("doctor", check=False)
    assert doctor.returncode == 1
    assert f"{filler.parent} is full: results can't be written." in doctor.stdout
    assert httpx.get(f"{sqlite_hosts.server.url}/livez", timeout=60).status_code == 200
    filler.unlink()
    assert sqlite_hosts.server.probe().json()["storage"] == "ok"


def test_a_job_that_finds_space_on_a_later_attempt_succeeds(sqlite_hosts: Cluster, filler: Path) -> None:
    fill_disk(filler)
    job = sqlite_hosts.submit()
    wait_for(lambda: "requeued" in sqlite_hosts.event_kinds(job))
    filler.unlink()
    sql = "select details from jobs_jobevent where job_id = ? and kind = 'requeued'"
    assert "out_of_space" in sqlite_hosts.database(sql, sqlite_hosts.database.stored_id(job))[0]["details"]
    (row,) = sqlite_hosts.wait_ended(job)
    assert row["status"] == "Succeeded"


@pytest.mark.chaos
def test_a_job_that_never_finds_space_fails_after_its_attempts_and_says_why(
    sqlite_hosts: Cluster, filler: Path
) -> None:
    fill_disk(filler)
    (row,) = sqlite_hosts.wait_ended(sqlite_hosts.submit())
    assert (row["status"], row["attempt"], row["error_code"]) == ("Failed", 3, "out_of_space")
    assert row["error_retryable"]
    filler.unlink()
    assert [host.poll() for host in sqlite_hosts.hosts] == [None, None]


def fill_disk(filler: Path) -> None:
    """Write to this file until not a single byte is free."""
    with filler.open("wb", buffering=0) as file:
        for size in (2**16, 2**12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError as error:
                assert error.errno == errno.ENOSPC
