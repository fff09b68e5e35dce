"""A backup is restored into an empty installation, which then has the same rows and files."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from tests.acceptance.helpers import succeeded_job
from tests.conftest import passwords
from tests.ports import free_port
from tests.postgres import postgres_server
from tests.server import Client, RunningServer, environment, prepare_server

pytestmark = pytest.mark.skipif(connection.vendor != "sqlite", reason="The servers have databases of their own.")

#: Differ on purpose: the copy belongs to nobody.
_OWN = {"jobs_deployment"}
#: Archives everything, as if it was old.
_ARCHIVE = """
from datetime import timedelta
from django.utils import timezone
from jobs.history import archiving
from jobs.models import Artifact
Artifact.objects.filter(pk=Artifact.objects.order_by("pk").first().pk).update(purged_at=timezone.now())
archiving.limit = lambda: timezone.now() + timedelta(days=1)
print(sum(archiving.archive_history()))
"""


@pytest.fixture(scope="module")
def backup(server: RunningServer, bob: Client, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of the running server, with results."""
    for _ in range(2):
        succeeded_job(bob)
    folder = tmp_path_factory.mktemp("backup") / "new"
    assert "was verified" in server.manage("backup", str(folder)).stdout
    return folder


def empty(folder: Path, **extra: str) -> RunningServer:
    """An installation that was never prepared."""
    return RunningServer("", folder, environment(folder, free_port(), **extra), process=None)  # type: ignore[arg-type]


def rows_of(path: Path) -> dict[str, list[str]]:
    database = sqlite3.connect(path)
    names = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
    rows = {name: sorted(map(repr, database.execute(f'select * from "{name}"'))) for name in names}
    database.close()
    return {name: found for name, found in rows.items() if name not in _OWN}


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_restored_installation_has_everything_and_sends_nothing(backup: Path, tmp_path: Path) -> None:
    copy = empty(tmp_path / "copy")
    done = copy.manage("restore", str(backup)).stdout
    assert "Verified up to #" in done and "until manage.py adopt" in done
    assert rows_of(copy.database()) == rows_of(backup / "database" / "reportserver.sqlite3")
    assert files_of(copy.folder / "artifacts") == files_of(backup / "artifacts") != {}
    for key in ("secret_key", "jwt_key", "data_key", "audit_key"):
        path = copy.folder / "keys" / key
        assert path.read_text() == (backup / "keys" / key).read_text() and path.stat().st_mode & 0o77 == 0
    copy.manage("prepare")
    assert "so schedules and deliveries are suspended" in copy.manage("doctor", check=False).stdout
    assert "Adopted" in copy.manage("adopt").stdout
    # Archives are part of the next backup.
    assert int(copy.manage("shell", "--no-imports", "-c", _ARCHIVE).stdout) > 1
    second = tmp_path / "second"
    copy.manage("backup", str(second))
    again = empty(tmp_path / "again")
    assert "Verified up to #" in again.manage("restore", str(second)).stdout
    assert files_of(again.folder / "artifacts" / "history") == files_of(copy.folder / "artifacts" / "history") != {}
    assert rows_of(again.database()) == rows_of(second / "database" / "reportserver.sqlite3")


def change(folder: Path) -> str:
    path = next((folder / "artifacts").glob("??/*/*"))
    path.write_bytes(path.read_bytes() + b"x")
    return "was changed"


def remove(folder: Path) -> str:
    (folder / "keys" / "audit_key").unlink()
    return "keys/audit_key is missing"


def add(folder: Path) -> str:
    (folder / "artifacts" / "x").touch()
    return "artifacts/x was added"


def edit(folder: Path) -> str:
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace("sqlite", "sqlote"))
    return "manifest.json was changed"


def unfinished(folder: Path) -> str:
    (folder / "manifest.json").unlink()
    return "was not finished"


@pytest.mark.parametrize("harm", [change, remove, add, edit, unfinished])
def test_a_backup_that_is_not_as_it_was_written_changes_nothing(
    backup: Path, tmp_path: Path, harm: Callable[[Path], str]
) -> None:
    harmed = tmp_path / "harmed"
    shutil.copytree(backup, harmed)
    sentence = harm(harmed)
    copy = empty(tmp_path / "copy")
    refused = copy.manage("restore", str(harmed), check=False)
    assert refused.returncode == 1 and sentence in refused.stderr and "Traceback" not in refused.stderr
    assert not copy.database().exists() and not files_of(copy.folder / "artifacts")


def test_nothing_is_restored_over_an_installation(backup: Path, tmp_path: Path, prepared: Path) -> None:
    other = prepare_server(tmp_path / "other", prepared=prepared)
    before = rows_of(other.database())
    refused = other.manage("restore", str(backup), check=False)
    assert refused.returncode == 1 and "is not empty" in refused.stderr
    assert rows_of(other.database()) == before


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"REPORTSERVER_AUDIT_KEY": "another key of at least 32 characters!"}, "is not the key of the backup"),
        ({"REPORTSERVER_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x"}, "to an empty database of SQLite"),
    ],
)
def test_an_installation_that_cannot_take_the_backup_says_why(
    backup: Path, tmp_path: Path, variables: dict[str, str], sentence: str
) -> None:
    refused = empty(tmp_path / "copy", **variables).manage("restore", str(backup), check=False)
    assert refused.returncode == 1 and sentence in refused.stderr


def test_a_backup_needs_an_empty_folder(backup: Path, server: RunningServer) -> None:
    refused = server.manage("backup", str(backup), check=False)
    assert refused.returncode == 1 and "is not an empty folder" in refused.stderr


def test_a_result_that_is_missing_is_named(backup: Path, tmp_path: Path) -> None:
    copy = empty(tmp_path / "copy")
    copy.manage("restore", str(backup))
    next((copy.folder / "artifacts").glob("??/*/*.csv")).unlink()
    made = copy.manage("backup", str(tmp_path / "second"), check=False)
    assert made.returncode == 1 and "is missing or was changed" in made.stderr
    assert (tmp_path / "second" / "manifest.json").exists()


def _values(url: str) -> dict[str, Any]:
    found = {}
    with psycopg.connect(url) as database:
        names = database.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        for (name,) in names:
            if name not in _OWN:
                found[name] = sorted(map(repr, database.execute(f'select * from "{name}"').fetchall()))
    return found


def test_on_postgresql(tmp_path: Path, prepared_on_postgresql: Path) -> None:
    with postgres_server() as url:
        first, second = (f"{url.removesuffix('/postgres')}/{name}" for name in ("first", "second"))
        with psycopg.connect(url, autocommit=True) as database:
            for name in ("first", "second"):
                database.execute(f"create database {name}")
        original = prepare_server(
            tmp_path / "original", prepared=prepared_on_postgresql, REPORTSERVER_DATABASE_URL=first, **passwords()
        )
        original.manage("backup", str(tmp_path / "backup"))
        copy = empty(tmp_path / "copy", REPORTSERVER_DATABASE_URL=second)
        assert "Verified up to #" in copy.manage("restore", str(tmp_path / "backup")).stdout
        assert _values(second) == _values(first)
        copy.manage("prepare")
        assert "Adopted" in copy.manage("adopt").stdout, "sequences and triggers work"
        with psycopg.connect(second) as database, pytest.raises(psycopg.errors.RaiseException):
            database.execute("delete from audit_auditlog")
        refused = copy.manage("restore", str(tmp_path / "backup"), check=False)
        assert refused.returncode == 1 and "is not empty" in refused.stderr
