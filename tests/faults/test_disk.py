"""The disk on which results are kept is full: jobs wait for room, and the server says what is wrong and goes on."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.faults.cluster import Cluster, until


@pytest.fixture
def ballast(sqlite_hosts: Cluster) -> Iterator[Path]:
    """A file beside the results, on a file system of their own, to be filled with."""
    place = sqlite_hosts.server.folder / "artifacts"
    if not place.is_mount():
        pytest.skip("a file system of its own can't be made here: only the superuser may")
    yield place / "ballast"
    (place / "ballast").unlink(missing_ok=True)


def test_a_full_disk_is_told_of_by_a_server_that_goes_on(sqlite_hosts: Cluster, ballast: Path) -> None:
    fill(ballast)
    ready = httpx.get(f"{sqlite_hosts.server.url}/readyz", timeout=60)
    assert (ready.status_code, ready.json()["storage"]) == (503, "failing")
    told = sqlite_hosts.server.manage("doctor", check=False)
    assert told.returncode == 1
    assert f"{ballast.parent} is full: results can't be written." in told.stdout
    assert httpx.get(f"{sqlite_hosts.server.url}/livez", timeout=60).status_code == 200
    ballast.unlink()
    assert httpx.get(f"{sqlite_hosts.server.url}/readyz", timeout=60).json()["storage"] == "ok"


def test_a_job_that_finds_room_at_a_later_attempt_succeeds(sqlite_hosts: Cluster, ballast: Path) -> None:
    fill(ballast)
    job = sqlite_hosts.submit()
    until(lambda: "requeued" in sqlite_hosts.kinds(job))
    ballast.unlink()
    sql = "select details from jobs_jobevent where job_id = ? and kind = 'requeued'"
    assert "out_of_space" in sqlite_hosts.database(sql, sqlite_hosts.database.id(job))[0]["details"]
    (row,) = sqlite_hosts.ended(job)
    assert row["status"] == "Succeeded"


@pytest.mark.chaos
def test_a_job_that_never_finds_room_fails_after_its_attempts_and_says_why(
    sqlite_hosts: Cluster, ballast: Path
) -> None:
    fill(ballast)
    (row,) = sqlite_hosts.ended(sqlite_hosts.submit())
    assert (row["status"], row["attempt"], row["error_code"]) == ("Failed", 3, "out_of_space")
    assert row["error_retryable"]
    ballast.unlink()
    assert [host.poll() for host in sqlite_hosts.hosts] == [None, None]


def fill(ballast: Path) -> None:
    """Leave no byte."""
    with ballast.open("wb", buffering=0) as file:
        for size in (2**16, 2**12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError as error:
                assert error.errno == errno.ENOSPC
