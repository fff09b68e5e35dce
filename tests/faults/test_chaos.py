"""Random faults for CHAOS_MINUTES while users request reports. Then the history is checked.

CHAOS_SEED repeats the choices of an earlier run. The timing of the processes still differs.
"""

from __future__ import annotations

import os
import random
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import pytest

from tests.faults.cluster import Cluster, wait_for
from tests.faults.conftest import cluster_on_postgresql, with_two_hosts
from tests.faults.faults import faults_for, stop_hosts_with_skewed_clocks
from tests.faults.sinks import sinks_of
from tests.faults.summary import Hit, Summary
from tests.faults.test_web import request_report
from tests.redis import redis_server
from tests.server import start

MINUTES = float(os.environ.get("CHAOS_MINUTES", "30"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))
#: 2,000 jobs in 30 minutes.
JOBS = int(2000 * MINUTES / 30)
_HARMS = (
    *[""] * 6,
    *["sleep:0.5"] * 3,
    *["sleep:2"] * 4,
    "sleep:6",
    "unavailable",
    "exit:1",
    "kill",
    "leaves-programs",
)
_HARMLESS = ("", "sleep:0.5", "sleep:2", "sleep:6", "leaves-programs")
#: Harms, with their reports, that keep a worker or the machine busy for long: a few percent of the jobs.
_RARE = (
    ("segfault", "harmful"),
    ("writes-and-crashes:and these were its last words", "harmful"),
    ("starts-programs:2", "harmful"),
    ("starts-programs:60", "harmful-short"),
    ("ignores-signals", "harmful-short"),
    ("hangs-in-c", "harmful-short"),
)
_SHARE_OF_RARE = 0.04


@pytest.fixture(params=["sqlite", "postgresql"])
def chaotic_cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """SQLite with messages in the database, and PostgreSQL with messages in Redis."""
    if request.param == "sqlite":
        yield from with_two_hosts(request.getfixturevalue("sqlite_cluster"))
        return
    prepared = request.getfixturevalue("prepared_on_postgresql")
    with redis_server() as redis, cluster_on_postgresql(tmp_path_factory, prepared, redis) as cluster:
        yield from with_two_hosts(cluster)


@pytest.mark.chaos
def test_jobs_survive_random_faults(chaotic_cluster: Cluster, tmp_path: Path) -> None:
    """Half of the jobs send two e-mails, call a webhook and put a file on a share."""
    with sinks_of(chaotic_cluster, tmp_path) as sinks:
        run(chaotic_cluster)
        sinks.wait_delivered()
        wait_for(lambda: chaotic_cluster.message_count() == 0)
        arrived = sinks.effects()
    print(f"  {len(arrived)} arrivals of {len({effect.key for effect in arrived})} deliveries")  # noqa: T201
    assert arrived
    chaotic_cluster.check_history()


def run(cluster: Cluster) -> None:
    """Request all jobs while faults happen, and wait until the last job has ended."""
    chance, summary = random.Random(SEED), Summary()  # noqa: S311 - not a secret
    jobs_before, started_at = len(cluster.accepted), time.monotonic()
    next_fault_at = started_at + 3
    while (share := (time.monotonic() - started_at) / (MINUTES * 60)) < 1 or len(cluster.accepted) - jobs_before < JOBS:
        # Several jobs are due at once after a fault that took a while, as when users return after an outage.
        while len(cluster.accepted) - jobs_before < JOBS * min(share, 1):
            submit_and_perhaps_cancel(cluster, chance, summary)
        if time.monotonic() > next_fault_at:
            cause_fault(cluster, chance, summary)
            next_fault_at = time.monotonic() + chance.uniform(1, 6)
        time.sleep(0.1)
    cluster.database.set_clock(0)
    stop_hosts_with_skewed_clocks(cluster)
    cluster.ensure_two_hosts()
    cluster.wait_ended(seconds=900)
    heading = f"{MINUTES:g} minutes of random faults on {cluster.database.name}, seed {SEED}"
    print(f"\n{heading}\n{summary.text(cluster)}")  # noqa: T201


def submit_and_perhaps_cancel(cluster: Cluster, chance: random.Random, summary: Summary) -> None:
    if chance.random() < _SHARE_OF_RARE:
        submit(cluster, *chance.choice(_RARE))
    else:
        submit(cluster, chance.choice(_HARMS), chance.choice(["harmful", "delivered"]))
    if chance.random() < 0.05:
        summary.cancels += 1
        with suppress(httpx.TransportError):
            cluster.cancel(chance.choice(cluster.accepted[-5:]))


def submit(cluster: Cluster, harm: str, report: str) -> None:
    """Repeat a request with the same key until it is answered, as a client does whose server was killed."""
    key, until = str(uuid.uuid4()), time.monotonic() + 120
    while time.monotonic() < until:
        if cluster.server.process.poll() is not None:
            start(cluster.server, workers=False)
        answer = request_report(cluster, key, harm, report)
        if answer is not None and answer.status_code == 202:
            cluster.accepted.append(answer.json()["jobId"])
            if harm in _HARMLESS:
                cluster.blameless.append(cluster.accepted[-1])
            return
        time.sleep(0.5)
    raise AssertionError(f"The web server did not accept a job for two minutes: {answer}")


def cause_fault(cluster: Cluster, chance: random.Random, summary: Summary) -> None:
    fault = chance.choice(faults_for(cluster))
    at = datetime.now(UTC)
    # The fault's target may have ended by itself, and this user may not be able to cause it.
    with suppress(psutil.NoSuchProcess, AssertionError, pytest.skip.Exception):
        jobs = fault(cluster, chance)
        summary.faults[fault.__name__] += 1
        summary.hits += [Hit(fault.__name__, str(uuid.UUID(job)), at) for job in jobs]
    while len(cluster.hosts) < 2:
        cluster.start_host()
