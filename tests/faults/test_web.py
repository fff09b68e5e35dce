"""The web server is killed while it takes a request for a job, and the client asks again."""

from __future__ import annotations

import random
import threading
import time
import uuid
from contextlib import suppress

import httpx
import psutil
import pytest

from tests.faults.cluster import PATIENCE, Cluster, kill
from tests.faults.rows import Row
from tests.server import start

_late = pytest.mark.chaos


@pytest.mark.parametrize(
    ("place", "jobs"),
    [
        pytest.param("submit-begins", 0, marks=_late),
        pytest.param("submit-rings", 0, marks=_late),
        ("submit-written", 0),
        ("submit-committed", 1),
    ],
)
def test_a_request_that_died_with_the_web_server_made_its_job_wholly_or_not_and_repeated_makes_one(
    cluster: Cluster, place: str, jobs: int
) -> None:
    """Before the transaction, in it, before its commit, and after that but before the answer."""
    key = str(uuid.uuid4())
    cluster.kill_web_at(place)
    assert ask(cluster, key) is None, "the server outlived it"
    cluster.server.process.wait(PATIENCE)
    assert len(keyed(cluster, key)) == jobs
    start(cluster.server, workers=False)
    answer = ask(cluster, key)
    assert answer is not None and answer.status_code == 202, answer
    cluster.accepted.append(answer.json()["jobId"])
    cluster.ended(cluster.accepted[-1])
    assert [row["status"] for row in keyed(cluster, key)] == ["Succeeded"]


@pytest.mark.chaos
def test_a_request_repeated_after_the_web_server_was_killed_makes_one_job(cluster: Cluster) -> None:
    chance = random.Random(7)  # noqa: S311 - not a secret
    keys = [str(uuid.uuid4()) for _ in range(3)]
    for key in keys:
        asking = threading.Thread(target=ask, args=(cluster, key))
        asking.start()
        time.sleep(chance.uniform(0, 0.03))
        kill_web(cluster)
        asking.join()
        start(cluster.server, workers=False)
        answer = ask(cluster, key)
        assert answer is not None and answer.status_code == 202, answer
        cluster.accepted.append(answer.json()["jobId"])
    cluster.ended()
    assert [row["status"] for key in keys for row in keyed(cluster, key)] == ["Succeeded"] * len(keys)


def keyed(cluster: Cluster, key: str) -> list[Row]:
    """The jobs that were asked for with this Idempotency-Key."""
    return cluster.database("select * from jobs_jobexecutionlog where idempotency_key = ?", key)


def ask(cluster: Cluster, key: str, harm: str = "", report: str = "harmful") -> httpx.Response | None:
    with suppress(httpx.TransportError):
        body = {"parameters": {"harm": harm} if harm else {}}
        return cluster.bob.post(f"/reports/{report}/generate", json=body, headers={"Idempotency-Key": key})
    return None


def kill_web(cluster: Cluster) -> None:
    """The master and its workers, all at once."""
    master = psutil.Process(cluster.server.process.pid)
    family = [master, *master.children(recursive=True)]
    for process in family:
        kill(process)
    cluster.server.process.wait(30)
