"""Fixtures of all tests. Tests over HTTP share one server, started as an operator starts it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from pytest_django import DjangoDbBlocker

from audit.chain import GENESIS
from audit.heads.keeping import own_files
from common import call_counts
from jobs import deployment
from reports.models import cached_version
from tests.postgres import dump, postgres_server
from tests.server import (
    DATABASE_SCRIPT,
    ROOT,
    Client,
    RunningServer,
    coverage_variables,
    prepare_server,
    running_server,
)
from tests.weed import Weed, weed_server

DATA = Path(__file__).parent / "data"
USERS = ("alice", "bob", "carol", "dave", "erin", "gina", "hank", "ivan", "judy")


def make_definitions(folder: Path) -> Path:
    """Write the tests' definitions and the SQLite file they read into a folder. Returns the path of the definitions."""
    with sqlite3.connect(folder / "sales.db") as database:
        database.execute("create table sale (region text, day text, amount integer)")
        rows = [(("north", "south", "west")[i % 3], f"2024-{i % 12 + 1:02}-15", i) for i in range(300)]
        database.executemany("insert into sale values (?, ?, ?)", rows)
    database.close()
    path = folder / "definitions.yaml"
    path.write_text((DATA / "definitions.yaml").read_text().replace("../../demo", str(ROOT / "demo")))
    return path


def passwords() -> dict[str, str]:
    return {f"{name.upper()}_PASSWORD": f"{name}-password-1" for name in USERS}


@pytest.fixture(scope="session")
def django_db_modify_db_settings_xdist_suffix() -> None:
    """Keep pytest-django from naming a file: each test process has its database in memory."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let every test that uses the database use that of rate limits as well: sign-ins and refused names count there."""
    databases = {"default", settings.COUNTERS_DATABASE}
    for item in items if len(databases) > 1 else ():
        marker = item.get_closest_marker("django_db")
        uses_database = marker or {"db", "transactional_db"} & set(getattr(item, "fixturenames", []))
        if uses_database and "databases" not in (marker.kwargs if marker else {}):
            options = marker.kwargs if marker else {}
            item.add_marker(pytest.mark.django_db(**options, databases=databases), append=False)


@pytest.fixture(scope="session", autouse=True)
def allow_truncate(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Let pytest-django empty all tables after a test that commits: on PostgreSQL a trigger protects the audit log."""
    if connection.vendor == "postgresql":
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute("alter table audit_auditlog disable trigger audit_no_truncate")
            cursor.execute("alter table audit_auditarchive disable trigger audit_archive_no_truncate")


@pytest.fixture(autouse=True)
def heads_of_an_empty_log() -> None:
    """Forget what earlier tests have committed to the audit log. Few tests commit anything."""
    (file,) = own_files()
    if [line.sequence for line in file.read().lines] != [0]:
        file.path.unlink(missing_ok=True)
        file.begin_again(0, GENESIS)


@pytest.fixture(autouse=True)
def cached_deployment() -> None:
    """Forget what earlier tests cached. Pages read now and then which installation the database belongs to."""
    cache.clear()
    cache.set(deployment.CACHE_KEY, False)


@pytest.fixture(autouse=True)
def forget_counted_calls() -> None:
    """Forget calls of users of earlier tests, who had the same ids."""
    call_counts.memory.clear()


@pytest.fixture(autouse=True)
def forget_cached_versions() -> None:
    """Forget cached versions: a rolled-back test frees its ids for the next one, which never happens in a server."""
    cached_version.cache_clear()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a prepared server with the tests' users and reports. Tests serve copies of it."""
    definitions = make_definitions(tmp_path_factory.mktemp("definitions"))
    return prepare_server(tmp_path_factory.mktemp("prepared"), definitions, **passwords()).folder


@pytest.fixture(scope="session")
def prepared_on_postgresql(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of such a server on PostgreSQL, and a script that fills an empty database with what it had."""
    definitions = make_definitions(tmp_path_factory.mktemp("definitions"))
    folder = tmp_path_factory.mktemp("prepared-on-postgresql")
    with postgres_server() as url:
        prepare_server(folder, definitions, REPORTSERVER_DATABASE_URL=url, **passwords())
        dump(url, folder / DATABASE_SCRIPT)
    return folder


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Iterator[RunningServer]:
    """A server on SQLite with the tests' users and reports."""
    folder = tmp_path_factory.mktemp("server")
    with running_server(folder, prepared=prepared, **passwords(), **coverage_variables()) as running:
        yield running
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def weed() -> Iterator[Weed]:
    """Storage that speaks S3, and an SFTP server."""
    with weed_server() as running:
        yield running


@pytest.fixture(scope="session")
def alice(server: RunningServer) -> Client:
    """Administrator of Acme."""
    return server.client("alice")


@pytest.fixture(scope="session")
def bob(server: RunningServer) -> Client:
    """User of Acme with the rights to generate and view."""
    return server.client("bob")


@pytest.fixture(scope="session")
def carol(server: RunningServer) -> Client:
    """User of Acme with the right to view."""
    return server.client("carol")


@pytest.fixture(scope="session")
def dave(server: RunningServer) -> Client:
    """User of Acme without a grant."""
    return server.client("dave")


@pytest.fixture(scope="session")
def erin(server: RunningServer) -> Client:
    """User of Acme with the right to generate, who sees only own jobs."""
    return server.client("erin")


@pytest.fixture(scope="session")
def gina(server: RunningServer) -> Client:
    """Administrator of Globex, another tenant."""
    return server.client("gina")


@pytest.fixture(scope="session")
def anonymous(server: RunningServer) -> Client:
    """A client without a token."""
    return server.client()
