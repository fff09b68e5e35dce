"""How soon a job is recovered after part of the server was killed, with the default settings.

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
from tests.faults.cluster import QUICK, Cluster, make_harmful_source, running_cluster, wait_for
from tests.faults.conftest import durable_postgres
from tests.faults.database import Database
from tests.faults.memory import memory_folder
from tests.faults.summary import Hit, Summary
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
    faults.crash_database,
)


@pytest.fixture
def default_cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster on PostgreSQL with the default lease and rounds."""
    folder = memory_folder("recovery")
    with durable_postgres() as url:
        env = {**QUICK, **_DEFAULTS, "REPORTSERVER_DATABASE_URL": url, "FAULTS_URL": url, **passwords()}
        server = prepare_server(folder, make_definitions(tmp_path), **env)
        server.manage("apply", str(make_harmful_source(tmp_path)))
        with running_cluster(server, Database(url)) as cluster:
            yield cluster
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.chaos
def test_a_job_is_recovered_soon_after_its_part_of_the_server_was_killed(default_cluster: Cluster) -> None:
    cluster, summary = default_cluster, Summary()
    go = cluster.server.folder / "go"
    for fault in _FAULTS * ROUNDS:
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


def _has_claims(cluster: Cluster, job: str, count: int) -> bool:
    return cluster.event_kinds(job).count("claimed") == count


class _AlwaysFirst(random.Random):
    """Chooses the first item."""

    def choice(self, seq):  # type: ignore[no-untyped-def]
        return seq[0]
