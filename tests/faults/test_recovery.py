"""How soon a job is recovered after part of the server was killed, with the default settings.

RECOVERY_ROUNDS is how often each part is killed.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import passwords
from tests.faults import faults
from tests.faults.cluster import QUICK, Cluster, kill, make_harmful_source, running_cluster, wait_for
from tests.faults.conftest import durable_postgres
from tests.faults.database import Database
from tests.faults.memory import memory_folder
from tests.faults.summary import Hit, Summary, p95
from tests.server import prepare_server

ROUNDS = int(os.environ.get("RECOVERY_ROUNDS", "10"))
#: Seconds after which 95 of 100 jobs have been claimed again.
PROMISED = 5
_DEFAULTS = {"REPORTSERVER_LEASE_SECONDS": "30", "REPORTSERVER_RECONCILE_SECONDS": "5"}
_FAULTS = (
    faults.kill_child,
    faults.kill_fork_server,
    faults.kill_worker,
    faults.kill_sentinel,
    faults.kill_main,
    faults.kill_host,
    faults.crash_database,
)


@pytest.fixture
def default_cluster(tmp_path: Path, prepared_on_postgresql: Path) -> Iterator[Cluster]:
    """A cluster on PostgreSQL with the default lease and rounds."""
    folder = memory_folder("recovery")
    with durable_postgres() as url:
        env = {**QUICK, **_DEFAULTS, "REPORTSERVER_DATABASE_URL": url, "FAULTS_URL": url, **passwords()}
        server = prepare_server(folder, prepared=prepared_on_postgresql, **env)
        server.manage("apply", str(make_harmful_source(tmp_path)))
        with running_cluster(server, Database(url)) as cluster:
            yield cluster
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("rounds", [1, pytest.param(ROUNDS, marks=pytest.mark.chaos)], ids=["once", "often"])
def test_a_job_is_recovered_soon_after_its_part_of_the_server_was_killed(default_cluster: Cluster, rounds: int) -> None:
    cluster, summary = default_cluster, Summary()
    go = cluster.server.folder / "go"
    for fault in _FAULTS * rounds:
        cluster.ensure_two_hosts()
        go.unlink(missing_ok=True)
        job = cluster.submit(f"waits-for-file:{go}")
        cluster.child(job)  # otherwise there might be nothing to kill yet
        host = cluster.host_of(job)
        cluster.hosts.sort(key=[host].__contains__, reverse=True)
        at = datetime.now(UTC)
        fault(cluster, _AlwaysFirst())
        # A job survives a crash of the database, but the next one has to wait.
        hit, claims = (cluster.submit(), 1) if fault is faults.crash_database else (job, 2)
        wait_for(partial(_has_claims, cluster, hit, claims))
        summary.faults[fault.__name__] += 1
        summary.hits.append(Hit(fault.__name__, hit, at))
        go.touch()
        cluster.wait_ended(job)
    print(f"\n{summary.text(cluster)}")  # noqa: T201
    cluster.check_history()
    assert p95(summary.recoveries(cluster)) <= PROMISED


@pytest.mark.chaos
def test_a_cluster_that_is_stuck_loses_no_worker_with_a_job(default_cluster: Cluster) -> None:
    """Everything else of the host is paused: the process that reads messages, the monitor and the idle worker."""
    cluster = default_cluster
    cluster.start_host()
    (host,) = cluster.hosts
    wait_for(lambda: cluster.is_complete(host))
    go = cluster.server.folder / "go"
    long = cluster.submit(f"waits-for-file:{go}")
    child = cluster.child(long)
    for process in cluster.idle(host):
        kill(process, signal.SIGSTOP)
    waiting = cluster.submit()
    (row,) = cluster.wait_ended(waiting)
    assert (row["status"], row["attempt"]) == ("Succeeded", 1)
    assert child.is_running() and cluster.database.job(long)["attempt"] == 1
    go.touch()
    (row,) = cluster.wait_ended(long)
    assert (row["status"], row["attempt"]) == ("Succeeded", 1)
    cluster.check_history()


def _has_claims(cluster: Cluster, job: str, count: int) -> bool:
    return cluster.event_kinds(job).count("claimed") == count


class _AlwaysFirst(random.Random):
    """Chooses the first item."""

    def choice(self, seq):  # type: ignore[no-untyped-def]
        return seq[0]
