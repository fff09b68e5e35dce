"""Clusters over SQLite and over PostgreSQL, each started once, hurt by many tests, and judged at the end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import psycopg
import pytest

from tests.conftest import make_definitions, passwords
from tests.faults.cluster import QUICK, Cluster, make_harmful_source, running_cluster
from tests.faults.rows import Database
from tests.postgres import postgres_server
from tests.server import prepare_server


def memory_folder(name: str) -> Path:
    """In memory where there is such a place: a disk that others keep busy only adds minutes of waiting."""
    place = Path("/dev/shm")  # noqa: S108 - a fresh folder in it
    return Path(mkdtemp(prefix=f"{name}-", dir=place if place.is_dir() and os.access(place, os.W_OK) else None))


@contextmanager
def lasting_postgres() -> Iterator[str]:
    """The tests' servers forget what was committed in the last half second before a crash; this one may not."""
    with postgres_server() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("alter role postgres set synchronous_commit = on")
        yield url


@pytest.fixture(scope="session")
def sqlite_cluster(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Iterator[Cluster]:
    folder = memory_folder("faults-sqlite")
    server = prepare_server(folder, prepared=prepared, **QUICK, **passwords())
    server.manage("apply", str(make_harmful_source(tmp_path_factory.mktemp("harmful"))))
    with running_cluster(server, Database(server.database())) as cluster:
        yield cluster
        cluster.judge()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = memory_folder("faults-postgresql")
    definitions = make_definitions(tmp_path_factory.mktemp("definitions"))
    with lasting_postgres() as url:
        env = {**QUICK, "REPORTSERVER_DATABASE_URL": url, "FAULTS_URL": url, **passwords()}
        server = prepare_server(folder, definitions, **env)
        server.manage("apply", str(make_harmful_source(tmp_path_factory.mktemp("harmful"))))
        with running_cluster(server, Database(url)) as cluster:
            yield cluster
            cluster.judge()
    shutil.rmtree(folder, ignore_errors=True)


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
def sqlite_hosts(sqlite_cluster: Cluster) -> Iterator[Cluster]:
    """For what does not depend on the database."""
    yield from whole(sqlite_cluster)


@pytest.fixture
def postgresql_hosts(postgresql_cluster: Cluster) -> Iterator[Cluster]:
    """For what only PostgreSQL has."""
    yield from whole(postgresql_cluster)
