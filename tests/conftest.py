"""What all tests share. Tests over HTTP speak to one server that is started once, as an operator starts it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from reports.models import cached_version
from tests.server import ROOT, Client, RunningServer, prepare_server, running_server

DATA = Path(__file__).parent / "data"
USERS = ("alice", "bob", "carol", "dave", "erin", "gina", "hank", "ivan", "judy")


def make_definitions(folder: Path) -> Path:
    """The tests' definitions and their SQLite source, in a folder of their own; the path of the definitions file."""
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
    """The database of each of the processes that tests run in is in memory; pytest-django would name a file."""


@pytest.fixture(scope="session", autouse=True)
def emptiable(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """After a test that commits, all tables are emptied, which the audit log's own trigger refuses on PostgreSQL."""
    if connection.vendor == "postgresql":
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute("alter table audit_auditlog disable trigger audit_no_truncate")


@pytest.fixture(autouse=True)
def versions() -> None:
    """What a test rolls back takes its number back with it, which a server's versions never do."""
    cached_version.cache_clear()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a server that has the tests' people and reports, to be copied. It is never served itself."""
    definitions = make_definitions(tmp_path_factory.mktemp("definitions"))
    return prepare_server(tmp_path_factory.mktemp("prepared"), definitions, **passwords()).folder


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Iterator[RunningServer]:
    """A server on SQLite with the tests' people and reports."""
    folder = tmp_path_factory.mktemp("server")
    with running_server(folder, prepared=prepared, **passwords()) as running:
        yield running
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def alice(server: RunningServer) -> Client:
    """An Administrator of Acme."""
    return server.client("alice")


@pytest.fixture(scope="session")
def bob(server: RunningServer) -> Client:
    """Of Acme; may generate and view."""
    return server.client("bob")


@pytest.fixture(scope="session")
def carol(server: RunningServer) -> Client:
    """Of Acme; may view."""
    return server.client("carol")


@pytest.fixture(scope="session")
def dave(server: RunningServer) -> Client:
    """Of Acme, without any grant."""
    return server.client("dave")


@pytest.fixture(scope="session")
def erin(server: RunningServer) -> Client:
    """Of Acme; may generate, and so see the own jobs."""
    return server.client("erin")


@pytest.fixture(scope="session")
def gina(server: RunningServer) -> Client:
    """An Administrator of Globex, another tenant."""
    return server.client("gina")


@pytest.fixture(scope="session")
def anonymous(server: RunningServer) -> Client:
    """Nobody signed in."""
    return server.client()
