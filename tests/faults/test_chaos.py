"""Random faults for CHAOS_MINUTES while people ask for reports, then a judgement of all that happened.

CHAOS_SEED repeats the choices of an earlier run; how processes interleave with them is the machine's.
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

from tests.faults.cluster import Cluster, until
from tests.faults.conftest import cluster_on_postgresql, whole
from tests.faults.faults import faults_of, right_clocks
from tests.faults.report import Report
from tests.faults.sinks import sinks_of
from tests.faults.test_web import ask
from tests.redis import redis_server
from tests.server import start

MINUTES = float(os.environ.get("CHAOS_MINUTES", "30"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))
#: So many that 30 minutes make 2,000.
JOBS = int(2000 * MINUTES / 30)
_HARMS = (
    *[""] * 6,
    *["sleep:0.5"] * 3,
    *["sleep:2"] * 4,
    "sleep:6",
    "unavailable",
    "exit:1",
    "kill",
    "leaves-one-behind",
)
#: What takes a worker's time, or that of the machine: a few percent of the jobs.
_RARE = (
    ("segfault", "harmful"),
    ("speaks-and-crashes:and these were its last words", "harmful"),
    ("grandchild:2", "harmful"),
    ("grandchild:60", "harmful-short"),
    ("deaf", "harmful-short"),
    ("hangs-in-c", "harmful-short"),
)
_SHARE_OF_RARE = 0.04


@pytest.fixture(params=["sqlite", "postgresql"])
def chaotic(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """SQLite, which tells the workers itself, and PostgreSQL with Redis to tell them."""
    if request.param == "sqlite":
        yield from whole(request.getfixturevalue("sqlite_cluster"))
        return
    with redis_server() as redis, cluster_on_postgresql(tmp_path_factory, redis) as cluster:
        yield from whole(cluster)


@pytest.mark.chaos
def test_jobs_survive_random_faults(chaotic: Cluster, tmp_path: Path) -> None:
    """Half of the jobs send two mails, call a webhook and put a file onto a share."""
    with sinks_of(chaotic, tmp_path) as sinks:
        run(chaotic)
        sinks.all_ended()
        until(lambda: chaotic.messages() == 0)
        arrived = sinks.effects()
    print(f"  {len(arrived)} arrivals of {len({effect.key for effect in arrived})} deliveries")  # noqa: T201
    assert arrived
    chaotic.judge()


def run(cluster: Cluster) -> None:
    """The jobs, the faults, and all that it takes for the last job to end."""
    chance, report = random.Random(SEED), Report()  # noqa: S311 - not a secret
    before, begin = len(cluster.accepted), time.monotonic()
    next_fault = begin + 3
    while (share := (time.monotonic() - begin) / (MINUTES * 60)) < 1 or len(cluster.accepted) - before < JOBS:
        # A fault may take a while: then several are due at once, as when people come back after a failure.
        while len(cluster.accepted) - before < JOBS * min(share, 1):
            ask_and_perhaps_cancel(cluster, chance, report)
        if time.monotonic() > next_fault:
            hurt(cluster, chance, report)
            next_fault = time.monotonic() + chance.uniform(1, 6)
        time.sleep(0.1)
    right_clocks(cluster)
    cluster.two_hosts()
    cluster.ended(seconds=900)
    where = type(cluster.database.where).__name__
    print(f"\n{MINUTES:g} minutes of random faults on {where}, seed {SEED}\n{report.text(cluster)}")  # noqa: T201


def ask_and_perhaps_cancel(cluster: Cluster, chance: random.Random, report: Report) -> None:
    if chance.random() < _SHARE_OF_RARE:
        submit(cluster, *chance.choice(_RARE))
    else:
        submit(cluster, chance.choice(_HARMS), chance.choice(["harmful", "delivered"]))
    if chance.random() < 0.05:
        report.cancels += 1
        with suppress(httpx.TransportError):
            cluster.cancel(chance.choice(cluster.accepted[-5:]))


def hurt(cluster: Cluster, chance: random.Random, report: Report) -> None:
    fault = chance.choice(faults_of(cluster))
    at = datetime.now(UTC)
    # What it was about to hurt may have ended by itself.
    with suppress(psutil.NoSuchProcess, AssertionError):
        hit = fault(cluster, chance)
        report.faults[fault.__name__] += 1
        report.hits += [(fault.__name__, str(uuid.UUID(job)), at) for job in hit]
    while len(cluster.hosts) < 2:
        cluster.start_host()


def submit(cluster: Cluster, harm: str, report: str) -> None:
    """Ask with a key until there is an answer, as a client does whose server was killed."""
    key, until = str(uuid.uuid4()), time.monotonic() + 120
    while time.monotonic() < until:
        if cluster.server.process.poll() is not None:
            start(cluster.server, workers=False)
        answer = ask(cluster, key, harm, report)
        if answer is not None and answer.status_code == 202:
            cluster.accepted.append(answer.json()["jobId"])
            return
        time.sleep(0.5)
    raise AssertionError(f"The web server did not take a job for two minutes: {answer}")
