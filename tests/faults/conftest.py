"""Clusters on SQLite and on PostgreSQL. Each is started once, shared by many tests, and checked at the end."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.conftest import passwords
from tests.faults import database_clock
from tests.faults.cluster import QUICK, Cluster, make_harmful_source, running_cluster
from tests.faults.database import Database
from tests.faults.memory import memory_folder, small_disk
from tests.faults.sinks import Sinks, sinks_of
from tests.postgres import postgres_server
from tests.redis import RedisServer
from tests.server import prepare_server


@contextmanager
def durable_postgres() -> Iterator[str]:
    """Run a PostgreSQL server that keeps every commit in a crash. Other tests' servers lose the last half second."""
    with postgres_server() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("alter role postgres set synchronous_commit = on")
            database_clock.prepare_postgresql(connection)
        yield url


@contextmanager
def cluster_on_sqlite(
    folders: pytest.TempPathFactory, prepared: Path, redis: RedisServer | None = None
) -> Iterator[Cluster]:
    folder = memory_folder("sqlite")
    server = prepare_server(folder, prepared=prepared, **QUICK, **_broker_env(redis), **passwords())
    server.manage("apply", str(make_harmful_source(folders.mktemp("harmful"))))
    with small_disk(folder / "artifacts"), running_cluster(server, Database(server.database()), redis) as cluster:
        yield cluster
        cluster.check_history()
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def cluster_on_postgresql(
    folders: pytest.TempPathFactory, prepared: Path, redis: RedisServer | None = None
) -> Iterator[Cluster]:
    folder = memory_folder("postgresql")
    with durable_postgres() as url:
        env = {**QUICK, "REPORTSERVER_DATABASE_URL": url, "FAULTS_URL": url, **_broker_env(redis), **passwords()}
        server = prepare_server(folder, prepared=prepared, **env)
        server.manage("apply", str(make_harmful_source(folders.mktemp("harmful"))))
        with running_cluster(server, Database(url), redis) as cluster:
            yield cluster
            cluster.check_history()
    shutil.rmtree(folder, ignore_errors=True)


def _broker_env(redis: RedisServer | None) -> dict[str, str]:
    return {"REPORTSERVER_BROKER_URL": redis.url} if redis else {}


@pytest.fixture(scope="session")
def sqlite_cluster(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Iterator[Cluster]:
    with cluster_on_sqlite(tmp_path_factory, prepared) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def postgresql_cluster(tmp_path_factory: pytest.TempPathFactory, prepared_on_postgresql: Path) -> Iterator[Cluster]:
    with cluster_on_postgresql(tmp_path_factory, prepared_on_postgresql) as cluster:
        yield cluster


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.chaos)])
def any_cluster(request: pytest.FixtureRequest) -> Cluster:
    """Each of the two clusters in turn."""
    cluster: Cluster = request.getfixturevalue(f"{request.param}_cluster")
    return cluster


def with_two_hosts(cluster: Cluster) -> Iterator[Cluster]:
    """Give the cluster two complete hosts before the test, and wait until its jobs have ended after it."""
    cluster.ensure_two_hosts()
    yield cluster
    cluster.wait_ended()


@pytest.fixture
def cluster(any_cluster: Cluster) -> Iterator[Cluster]:
    yield from with_two_hosts(any_cluster)


@pytest.fixture
def sinks(cluster: Cluster, tmp_path: Path) -> Iterator[Sinks]:
    with sinks_of(cluster, tmp_path) as sinks:
        yield sinks


@pytest.fixture
def sqlite_hosts(sqlite_cluster: Cluster) -> Iterator[Cluster]:
    """For tests that don't depend on the database."""
    yield from with_two_hosts(sqlite_cluster)


@pytest.fixture
def postgresql_hosts(postgresql_cluster: Cluster) -> Iterator[Cluster]:
    """For tests of what only PostgreSQL has."""
    yield from with_two_hosts(postgresql_cluster)
