"""Hosts whose whole clock is a month wrong, in every process and library: what they delete, and for how long they keep.

The database is PostgreSQL: SQLite has no clock but that of its host.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster, wait_for
from tests.faults.database import parse_time
from tests.shared_library import compile_library

#: The report `harmful` keeps its results for as long as a report does that says nothing about it.
RETENTION = timedelta(days=30)
MONTH = 31 * 86_400


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that makes the clock of a process wrong."""
    return compile_library(Path(__file__).with_name("wrong_clock.c"), tmp_path_factory.mktemp("library"))


@pytest.fixture
def without_hosts(postgresql_hosts: Cluster) -> Iterator[Cluster]:
    postgresql_hosts.stop_all_hosts()
    yield postgresql_hosts
    postgresql_hosts.stop_all_hosts()
    postgresql_hosts.ensure_two_hosts()


@pytest.mark.parametrize("ahead", [MONTH, pytest.param(-MONTH, marks=pytest.mark.chaos)])
def test_a_host_whose_clock_is_a_month_wrong_purges_nothing_and_keeps_its_results_as_long(
    without_hosts: Cluster, library: Path, ahead: int
) -> None:
    cluster = without_hosts
    right = cluster.start_host()
    before = cluster.submit()
    cluster.wait_ended(before)
    cluster.stop_all_hosts()
    assert right.poll() == 0
    (cluster.server.folder / "logs" / "jobs.log").unlink()
    cluster.start_host(LD_PRELOAD=str(library), WRONG_CLOCK=str(ahead))
    after = cluster.submit()
    cluster.wait_ended(after, seconds=60)
    wait_for(lambda: tidied_up(cluster), 30)
    sql = "select a.*, ended_at from jobs_artifact a join jobs_jobexecutionlog j on j.id = job_id where j.id = ?"
    for job in (before, after):
        (artifact,) = cluster.database(sql, cluster.database.stored_id(job))
        assert artifact["purged_at"] is None
        assert parse_time(artifact["expires_at"]) - parse_time(artifact["ended_at"]) == RETENTION
        assert cluster.bob.get(f"/jobs/{job}/result").status_code == 200


def tidied_up(cluster: Cluster) -> bool:
    lines = (cluster.server.folder / "logs" / "jobs.log").read_text().splitlines()
    return any(json.loads(line)["message"] == "tidied up" for line in lines if line.startswith("{"))
