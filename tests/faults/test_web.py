"""The web server is killed while it takes a request for a job, and the client asks again."""

from __future__ import annotations

import random
import threading
import time
import uuid
from contextlib import suppress

import httpx
import psutil

from tests.faults.cluster import Cluster, kill
from tests.server import start


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
    told = ", ".join("?" * len(keys))
    sql = f"select idempotency_key, status from jobs_jobexecutionlog where idempotency_key in ({told})"
    cluster.ended()
    rows = cluster.database(sql, *keys)
    assert sorted((row["idempotency_key"], row["status"]) for row in rows) == [
        (key, "Succeeded") for key in sorted(keys)
    ]


def ask(cluster: Cluster, key: str, harm: str = "") -> httpx.Response | None:
    with suppress(httpx.TransportError):
        body = {"parameters": {"harm": harm} if harm else {}}
        return cluster.bob.post("/reports/harmful/generate", json=body, headers={"Idempotency-Key": key})
    return None


def kill_web(cluster: Cluster) -> None:
    """The master and its workers, all at once."""
    master = psutil.Process(cluster.server.process.pid)
    family = [master, *master.children(recursive=True)]
    for process in family:
        kill(process)
    cluster.server.process.wait(30)
