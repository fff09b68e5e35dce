"""The web server is killed while it handles a request for a job, and the client repeats the request."""

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
from tests.faults.database import Row
from tests.server import start

_chaos = pytest.mark.chaos


@pytest.mark.parametrize(
    ("gate", "jobs"),
    [
        pytest.param("before-submit", 0, marks=_chaos),
        pytest.param("before-notify", 0, marks=_chaos),
        ("after-enqueue", 0),
        ("after-submit", 1),
    ],
)
def test_a_request_that_died_with_the_web_server_and_is_repeated_creates_one_job(
    cluster: Cluster, gate: str, jobs: int
) -> None:
    """Before the transaction, in it, before its commit, and between that and the answer."""
    key = str(uuid.uuid4())
    cluster.kill_web_server_at(gate)
    assert request_report(cluster, key) is None, "the server survived"
    cluster.server.process.wait(PATIENCE)
    assert len(jobs_with_key(cluster, key)) == jobs
    start(cluster.server, workers=False)
    answer = request_report(cluster, key)
    assert answer is not None and answer.status_code == 202, answer
    cluster.accepted.append(answer.json()["jobId"])
    cluster.wait_ended(cluster.accepted[-1])
    assert [row["status"] for row in jobs_with_key(cluster, key)] == ["Succeeded"]


@pytest.mark.chaos
def test_a_request_that_is_repeated_after_the_web_server_was_killed_creates_one_job(cluster: Cluster) -> None:
    chance = random.Random(7)  # noqa: S311 - not a secret
    keys = [str(uuid.uuid4()) for _ in range(3)]
    for key in keys:
        request = threading.Thread(target=request_report, args=(cluster, key))
        request.start()
        time.sleep(chance.uniform(0, 0.03))
        kill_web_server(cluster)
        request.join()
        start(cluster.server, workers=False)
        answer = request_report(cluster, key)
        assert answer is not None and answer.status_code == 202, answer
        cluster.accepted.append(answer.json()["jobId"])
    cluster.wait_ended()
    assert [row["status"] for key in keys for row in jobs_with_key(cluster, key)] == ["Succeeded"] * len(keys)


def jobs_with_key(cluster: Cluster, key: str) -> list[Row]:
    """Return the jobs that were requested with this Idempotency-Key."""
    return cluster.database("select * from jobs_jobexecutionlog where idempotency_key = ?", key)


def request_report(cluster: Cluster, key: str, harm: str = "", report: str = "harmful") -> httpx.Response | None:
    """Request a report with this Idempotency-Key. None if there is no answer."""
    with suppress(httpx.TransportError):
        body = {"parameters": {"harm": harm} if harm else {}}
        return cluster.bob.post(f"/reports/{report}/generate", json=body, headers={"Idempotency-Key": key})
    return None


def kill_web_server(cluster: Cluster) -> None:
    """Kill the master and its workers, all at once."""
    master = psutil.Process(cluster.server.process.pid)
    for process in [master, *master.children(recursive=True)]:
        kill(process)
    cluster.server.process.wait(30)
