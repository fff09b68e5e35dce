"""Redis is flushed, killed, restarted and stopped while jobs wait and run. No job is lost or delayed for long."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.faults.cluster import REDIS_LIST, Cluster
from tests.faults.conftest import cluster_on_postgresql, cluster_on_sqlite, with_two_hosts
from tests.redis import RedisServer, redis_server


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.chaos)])
def redis_cluster(
    request: pytest.FixtureRequest, redis: RedisServer, tmp_path_factory: pytest.TempPathFactory, prepared: Path
) -> Iterator[Cluster]:
    if request.param == "sqlite":
        context = cluster_on_sqlite(tmp_path_factory, prepared, redis)
    else:
        prepared = request.getfixturevalue("prepared_on_postgresql")
        context = cluster_on_postgresql(tmp_path_factory, prepared, redis)
    with context as cluster:
        yield cluster


@pytest.fixture
def cluster(redis_cluster: Cluster) -> Iterator[Cluster]:
    yield from with_two_hosts(redis_cluster)


def _outcomes(cluster: Cluster, jobs: list[str]) -> set[tuple[str, int]]:
    return {(row["status"], row["attempt"]) for row in cluster.wait_ended(*jobs, seconds=300)}


def _submit_refused(cluster: Cluster) -> httpx.Response:
    """Request a report, check that no row is left, and return the answer."""
    count = "select count(*) as n from jobs_jobexecutionlog"
    before = cluster.database(count)
    answer = cluster.bob.post("/reports/harmful/generate", json={})
    assert cluster.database(count) == before
    return answer


@pytest.mark.chaos
def test_redis_carries_the_messages_of_committed_jobs(cluster: Cluster, redis: RedisServer) -> None:
    cluster.stop_all_hosts()
    jobs = [cluster.submit() for _ in range(3)]
    assert (redis.call("LLEN", REDIS_LIST), cluster.database.message_count()) == (3, 0)
    cluster.ensure_two_hosts()
    assert _outcomes(cluster, jobs) == {("Succeeded", 1)}


@pytest.mark.chaos
def test_a_flush_and_duplicated_or_foreign_messages_change_nothing(cluster: Cluster, redis: RedisServer) -> None:
    cluster.stop_all_hosts()
    jobs = [cluster.submit() for _ in range(200)]
    redis.call("FLUSHALL")
    jobs += [cluster.submit() for _ in range(2)]
    (message,) = redis.call("LRANGE", REDIS_LIST, "0", "0")  # type: ignore[misc]
    for foreign in (message, message, "", "not a message", "gAWVCQAAAAAAAACMBW5vdGV4lC4:x:y"):
        redis.call("RPUSH", REDIS_LIST, foreign)
    cluster.ensure_two_hosts()
    assert _outcomes(cluster, jobs) == {("Succeeded", 1)}


def test_a_crash_of_redis_loses_nothing_and_new_jobs_are_refused_until_it_is_back(
    cluster: Cluster, redis: RedisServer
) -> None:
    jobs = [cluster.submit("sleep:0.5") for _ in range(10)]
    redis.kill()
    try:
        refused = _submit_refused(cluster)
        assert (refused.status_code, refused.json()["code"]) == (503, "queue_unavailable")
        assert cluster.server.probe().json()["queue"] == "failing"
        assert "reportserver_queue_up 0.0" in cluster.server.probe("/metrics").text
        assert "Redis is not responding" in cluster.server.manage("doctor", check=False).stdout
        assert _outcomes(cluster, jobs) == {("Succeeded", 1)}, "accepted jobs run without Redis"
    finally:
        redis.start()
    assert _outcomes(cluster, [cluster.submit()]) == {("Succeeded", 1)}
    assert cluster.server.probe().json()["queue"] == "ok"


def test_a_redis_that_hangs_delays_requests_and_jobs_only_briefly(cluster: Cluster, redis: RedisServer) -> None:
    jobs = [cluster.submit("sleep:0.5") for _ in range(6)]
    redis.signal(signal.SIGSTOP)
    try:
        started_at = time.monotonic()
        with ThreadPoolExecutor(1) as pool:
            refused = pool.submit(_submit_refused, cluster)
            assert _slowest_write(cluster, until=refused.done) < 1, "workers could not renew their leases"
        assert refused.result().status_code == 503
        assert time.monotonic() - started_at < 30, "the request waited too long"
        assert _outcomes(cluster, jobs) == {("Succeeded", 1)}
    finally:
        redis.signal(signal.SIGCONT)
    assert _outcomes(cluster, [cluster.submit()]) == {("Succeeded", 1)}


def _slowest_write(cluster: Cluster, until: Callable[[], bool]) -> float:
    """Write to the database again and again. Return the seconds that the slowest write took."""
    slowest = 0.0
    while not until():
        started_at = time.monotonic()
        cluster.database("update jobs_workerhost set restarts = restarts")
        slowest = max(slowest, time.monotonic() - started_at)
    return slowest


@pytest.mark.chaos
def test_a_minute_without_redis_does_not_affect_200_waiting_jobs(cluster: Cluster, redis: RedisServer) -> None:
    """New requests are refused meanwhile: without a message, their jobs would not start soon."""
    jobs = [cluster.submit("sleep:1") for _ in range(200)]
    redis.kill()
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            refused = _submit_refused(cluster)
            assert (refused.status_code, refused.json()["code"]) == (503, "queue_unavailable")
            time.sleep(5)
    finally:
        redis.start()
    jobs.append(cluster.submit())
    assert _outcomes(cluster, jobs) == {("Succeeded", 1)}
