"""How soon a job is worked on again after its part of the server was killed, with the settings as they are delivered.

RECOVERY_ROUNDS is how often each part is killed.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import make_definitions, passwords
from tests.faults import faults
from tests.faults.cluster import QUICK, Cluster, make_harmful_source, running_cluster, until
from tests.faults.conftest import lasting_postgres
from tests.faults.memory import memory_folder
from tests.faults.report import Report
from tests.faults.rows import Database
from tests.server import prepare_server

ROUNDS = int(os.environ.get("RECOVERY_ROUNDS", "10"))
_DEFAULTS = {"REPORTSERVER_LEASE_SECONDS": "30", "REPORTSERVER_RECONCILE_SECONDS": "5"}
_FAULTS = (
    faults.kill_child,
    faults.kill_fork_server,
    faults.kill_worker,
    faults.kill_sentinel,
    faults.kill_main,
    faults.kill_host,
    faults.crash_the_database,
)


@pytest.fixture
def as_delivered(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster over PostgreSQL with the lease and the rounds that are the defaults."""
    folder = memory_folder("recovery")
    with lasting_postgres() as url:
        env = {**QUICK, **_DEFAULTS, "REPORTSERVER_DATABASE_URL": url, "FAULTS_URL": url, **passwords()}
        server = prepare_server(folder, make_definitions(tmp_path), **env)
        server.manage("apply", str(make_harmful_source(tmp_path)))
        with running_cluster(server, Database(url)) as cluster:
            yield cluster
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.chaos
def test_a_job_is_worked_on_again_soon_after_its_part_of_the_server_was_killed(as_delivered: Cluster) -> None:
    cluster, report = as_delivered, Report()
    go = cluster.server.folder / "go"
    for fault in _FAULTS * ROUNDS:
        cluster.two_hosts()
        go.unlink(missing_ok=True)
        job = cluster.submit(f"until-there:{go}")
        cluster.child(job)  # or there would be nothing to kill yet
        host = cluster.host_of(job)
        cluster.hosts.sort(key=[host].__contains__, reverse=True)
        at = datetime.now(UTC)
        fault(cluster, _First())
        # A job outlives a crash of the database; what has to wait is the next one.
        hit, claims = (cluster.submit(), 1) if fault is faults.crash_the_database else (job, 2)
        until(partial(_is_claimed, cluster, hit, claims))
        report.faults[fault.__name__] += 1
        report.hits.append((fault.__name__, hit, at))
        go.touch()
        cluster.ended(job)
    print(f"\n{report.text(cluster)}")  # noqa: T201
    cluster.judge()


def _is_claimed(cluster: Cluster, job: str, times: int) -> bool:
    return cluster.kinds(job).count("claimed") == times


class _First(random.Random):
    """Chooses what comes first."""

    def choice(self, seq):  # type: ignore[no-untyped-def]
        return seq[0]
