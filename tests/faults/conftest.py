"""Clusters over SQLite and over PostgreSQL, each started once, hurt by many tests, and judged at the end."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.conftest import make_definitions, passwords
from tests.faults.cluster import QUICK, Cluster, make_harmful_source, running_cluster
from tests.faults.memory import memory_folder, small_disk
from tests.faults.rows import Database
from tests.faults.sinks import Sinks, sinks_of
from tests.postgres import postgres_server
from tests.redis import RedisServer
from tests.server import prepare_server


@contextmanager
def lasting_postgres() -> Iterator[str]:
    """The tests' servers forget what was committed in the last half second before a crash; this one may not."""
    with postgres_server() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("alter role postgres set synchronous_commit = on")
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
        cluster.judge()
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def cluster_on_postgresql(folders: pytest.TempPathFactory, redis: RedisServer | None = None) -> Iterator[Cluster]:
    folder = memory_folder("postgresql")
    definitions = make_definitions(folders.mktemp("definitions"))
    with lasting_postgres() as url:
        env = {**QUICK, "REPORTSERVER_DATABASE_URL": url, "FAULTS_URL": url, **_broker_env(redis), **passwords()}
        server = prepare_server(folder, definitions, **env)
        server.manage("apply", str(make_harmful_source(folders.mktemp("harmful"))))
        with running_cluster(server, Database(url), redis) as cluster:
            yield cluster
            cluster.judge()
    shutil.rmtree(folder, ignore_errors=True)


def _broker_env(redis: RedisServer | None) -> dict[str, str]:
    return {"REPORTSERVER_BROKER_URL": redis.url} if redis else {}


@pytest.fixture(scope="session")
def sqlite_cluster(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Iterator[Cluster]:
    with cluster_on_sqlite(tmp_path_factory, prepared) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def postgresql_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster_on_postgresql(tmp_path_factory) as cluster:
        yield cluster


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.chaos)])
def any_cluster(request: pytest.FixtureRequest) -> Cluster:
    """Each of the two in turn."""
    found: Cluster = request.getfixturevalue(f"{request.param}_cluster")
    return found


def whole(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster with two hosts, whatever the test before did to them; its jobs have ended when the test is over."""
    cluster.two_hosts()
    yield cluster
    cluster.ended()


@pytest.fixture
def cluster(any_cluster: Cluster) -> Iterator[Cluster]:
    yield from whole(any_cluster)


@pytest.fixture
def sinks(cluster: Cluster, tmp_path: Path) -> Iterator[Sinks]:
    with sinks_of(cluster, tmp_path) as found:
        yield found


@pytest.fixture
def sqlite_hosts(sqlite_cluster: Cluster) -> Iterator[Cluster]:
    """For what does not depend on the database."""
    yield from whole(sqlite_cluster)


@pytest.fixture
def postgresql_hosts(postgresql_cluster: Cluster) -> Iterator[Cluster]:
    """For what only PostgreSQL has."""
    yield from whole(postgresql_cluster)
