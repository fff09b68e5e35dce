"""The disk on which results are kept is full: jobs wait for room, and the server says what is wrong and goes on."""

from __future__ import annotations

import errno
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import passwords
from tests.faults.cluster import QUICK, Cluster, make_harmful_source, running_cluster, until
from tests.faults.conftest import memory_folder
from tests.faults.rows import Database
from tests.server import prepare_server


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file system of 2 MB. Only the superuser may make one."""
    place = tmp_path_factory.mktemp("disk")
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"a file system of its own can't be made here: {made.stderr.decode()}")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.fixture(scope="module")
def crowded(small_disk: Path, tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Iterator[Cluster]:
    """A server whose results are on that disk."""
    folder = memory_folder("faults-disk")
    server = prepare_server(
        folder, prepared=prepared, **QUICK, **passwords(), REPORTSERVER_ARTIFACTS_URL=str(small_disk)
    )
    server.manage("apply", str(make_harmful_source(tmp_path_factory.mktemp("harmful"))))
    with running_cluster(server, Database(server.database())) as cluster:
        cluster.two_hosts()
        yield cluster
    shutil.rmtree(folder, ignore_errors=True)


def test_a_full_disk_is_told_of_by_a_server_that_goes_on(crowded: Cluster, small_disk: Path) -> None:
    fill(small_disk / "ballast")
    ready = httpx.get(f"{crowded.server.url}/readyz", timeout=60)
    assert (ready.status_code, ready.json()["storage"]) == (503, "failing")
    told = crowded.server.manage("doctor", check=False)
    assert told.returncode == 1
    assert f"{small_disk} is full: results can't be written." in told.stdout
    assert httpx.get(f"{crowded.server.url}/livez", timeout=60).status_code == 200
    (small_disk / "ballast").unlink()
    assert httpx.get(f"{crowded.server.url}/readyz", timeout=60).json()["storage"] == "ok"


def test_a_job_that_finds_room_at_a_later_attempt_succeeds(crowded: Cluster, small_disk: Path) -> None:
    fill(small_disk / "ballast")
    job = crowded.submit()
    until(lambda: "requeued" in crowded.kinds(job))
    (small_disk / "ballast").unlink()
    sql = "select details from jobs_jobevent where job_id = ? and kind = 'requeued'"
    assert "out_of_space" in crowded.database(sql, crowded.database.id(job))[0]["details"]
    (row,) = crowded.ended(job)
    assert row["status"] == "Succeeded"


def test_a_job_that_never_finds_room_fails_after_its_attempts_and_says_why(crowded: Cluster, small_disk: Path) -> None:
    fill(small_disk / "ballast")
    (row,) = crowded.ended(crowded.submit())
    assert (row["status"], row["attempt"], row["error_code"]) == ("Failed", 3, "out_of_space")
    assert row["error_retryable"]
    (small_disk / "ballast").unlink()
    assert [host.poll() for host in crowded.hosts] == [None, None]


def fill(ballast: Path) -> None:
    """Leave no byte."""
    with ballast.open("wb", buffering=0) as file:
        for size in (2**16, 2**12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError as error:
                assert error.errno == errno.ENOSPC
