"""Redis is flushed, killed, restarted and stopped while jobs wait and run: nothing is lost, nobody waits long."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.faults.cluster import REDIS_LIST, Cluster
from tests.faults.conftest import cluster_on_postgresql, cluster_on_sqlite, whole
from tests.redis import RedisServer, redis_server


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.chaos)])
def redis_cluster(
    request: pytest.FixtureRequest, redis: RedisServer, tmp_path_factory: pytest.TempPathFactory, prepared: Path
) -> Iterator[Cluster]:
    on_sqlite = request.param == "sqlite"
    made = cluster_on_sqlite(tmp_path_factory, prepared, redis) if on_sqlite else None
    with made or cluster_on_postgresql(tmp_path_factory, redis) as cluster:
        yield cluster


@pytest.fixture
def cluster(redis_cluster: Cluster) -> Iterator[Cluster]:
    yield from whole(redis_cluster)


def _outcomes(cluster: Cluster, jobs: list[str]) -> set[tuple[str, int]]:
    return {(row["status"], row["attempt"]) for row in cluster.ended(*jobs, seconds=300)}


def _refused(cluster: Cluster) -> httpx.Response:
    """The answer to a request for a report; that it left no row."""
    count = "select count(*) as n from jobs_jobexecutionlog"
    before = cluster.database(count)
    answer = cluster.bob.post("/reports/harmful/generate", json={})
    assert cluster.database(count) == before
    return answer


@pytest.mark.chaos
def test_workers_are_told_by_redis_of_jobs_that_are_committed(cluster: Cluster, redis: RedisServer) -> None:
    cluster.no_hosts()
    jobs = [cluster.submit() for _ in range(3)]
    assert (redis.call("LLEN", REDIS_LIST), cluster.database.messages()) == (3, 0)
    cluster.two_hosts()
    assert _outcomes(cluster, jobs) == {("Succeeded", 1)}


@pytest.mark.chaos
def test_a_flush_and_doubled_or_foreign_messages_change_nothing(cluster: Cluster, redis: RedisServer) -> None:
    cluster.no_hosts()
    jobs = [cluster.submit() for _ in range(200)]
    redis.call("FLUSHALL")
    jobs += [cluster.submit() for _ in range(2)]
    (message,) = redis.call("LRANGE", REDIS_LIST, "0", "0")  # type: ignore[misc]
    for foreign in (message, message, "", "no message at all", "gAWVCQAAAAAAAACMBW5vdGV4lC4:x:y"):
        redis.call("RPUSH", REDIS_LIST, foreign)
    cluster.two_hosts()
    assert _outcomes(cluster, jobs) == {("Succeeded", 1)}


def test_a_crash_loses_nothing_and_new_jobs_are_refused_until_redis_is_back(
    cluster: Cluster, redis: RedisServer
) -> None:
    jobs = [cluster.submit("sleep:0.5") for _ in range(10)]
    redis.kill()
    try:
        refused = _refused(cluster)
        assert (refused.status_code, refused.json()["code"]) == (503, "queue_unavailable")
        assert httpx.get(f"{cluster.server.url}/readyz").json()["queue"] == "failing"
        assert "reportserver_queue_up 0.0" in httpx.get(f"{cluster.server.url}/metrics").text
        assert "Redis does not answer" in cluster.server.manage("doctor", check=False).stdout
        assert _outcomes(cluster, jobs) == {("Succeeded", 1)}, "what was accepted runs without Redis"
    finally:
        redis.start()
    assert _outcomes(cluster, [cluster.submit()]) == {("Succeeded", 1)}
    assert httpx.get(f"{cluster.server.url}/readyz").json()["queue"] == "ok"


def test_a_redis_that_hangs_holds_nobody_up_for_long(cluster: Cluster, redis: RedisServer) -> None:
    jobs = [cluster.submit("sleep:0.5") for _ in range(6)]
    redis.signal(signal.SIGSTOP)
    try:
        begun = time.monotonic()
        assert _refused(cluster).status_code == 503
        assert time.monotonic() - begun < 30, "a request must not wait for ever"
        assert _outcomes(cluster, jobs) == {("Succeeded", 1)}
    finally:
        redis.signal(signal.SIGCONT)
    assert _outcomes(cluster, [cluster.submit()]) == {("Succeeded", 1)}


@pytest.mark.chaos
def test_a_minute_without_redis_costs_none_of_200_waiting_jobs_anything(cluster: Cluster, redis: RedisServer) -> None:
    """Who asks meanwhile is told to come back later: a job that nobody can be told of would not be begun soon."""
    jobs = [cluster.submit("sleep:1") for _ in range(200)]
    redis.kill()
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            refused = _refused(cluster)
            assert (refused.status_code, refused.json()["code"]) == (503, "queue_unavailable")
            time.sleep(5)
    finally:
        redis.start()
    jobs.append(cluster.submit())
    assert _outcomes(cluster, jobs) == {("Succeeded", 1)}
