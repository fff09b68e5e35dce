"""Backups of what changes meanwhile, and restores that are killed, or are not alone."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from reportserver.backup import database
from reportserver.backup.manifest import BadBackup, Manifest
from tests.installations import installation
from tests.server import RunningServer, environment, prepare_server

pytestmark = pytest.mark.skipif(connection.vendor != "sqlite", reason="The servers have databases of their own.")

_ID = "the-original"
#: Each transaction writes a job, and an entry about it.
_WRITE = """
from uuid import uuid4
from django.db import transaction
from django.utils import timezone
from accounts.models import Tenant
from audit import actions
from jobs.models import JobExecutionLog
tenant = Tenant.objects.first()
while True:
    now = timezone.now()
    with transaction.atomic():
        job = JobExecutionLog.objects.create(
            tenant=tenant, report_uuid=uuid4(), report_slug="r", report_name="R", version_number=1, format="csv",
            requested_by_name="a", status="Failed", error_code="x", queued_at=now, available_at=now, started_at=now,
            ended_at=now, max_attempts=1, timeout_seconds=1, turn=1,
        )
        actions.record("Job Failed", actor=actions.SYSTEM, tenant_id=tenant.pk, target=("job", job.pk))
    print("written", flush=True)
"""
_KILLED = """
import os, signal, sys
from pathlib import Path
from reportserver.backup import restoring
restoring._compare = lambda manifest: os.kill(os.getpid(), signal.SIGKILL)
list(restoring.restore_backup(Path(sys.argv[-1])))
"""


def empty(folder: Path, **extra: str) -> RunningServer:
    """An installation that was never prepared."""
    return RunningServer("", folder, environment(folder, 1, **extra), process=None)  # type: ignore[arg-type]


@contextmanager
def writing(server: RunningServer) -> Iterator[None]:
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", _WRITE]
    with subprocess.Popen(command, cwd=server.cwd, env=server.env, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout and process.stdout.readline()
            yield
            assert process.poll() is None
        finally:
            process.kill()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_backup_of_what_is_written_meanwhile_is_of_one_moment(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    with installation(kind, tmp_path / "original", request) as original:
        extra = {}
        if url := original.env.get("REPORTSERVER_DATABASE_URL"):
            extra["REPORTSERVER_DATABASE_URL"] = f"{url}_copy"
            with psycopg.connect(url, autocommit=True) as server:
                server.execute("create database original_copy")
        with writing(original):
            original.manage("backup", str(tmp_path / "backup"))
        copy = empty(tmp_path / "copy", **extra)
        assert "Verified up to #" in copy.manage("restore", str(tmp_path / "backup")).stdout
        entries = "select count(*) from audit_auditlog where action = 'Job Failed'"
        count = f"select count(*), ({entries}) from jobs_jobexecutionlog"
        if kind == "sqlite":
            with closing(sqlite3.connect(copy.database())) as restored:
                found = restored.execute(count).fetchone()
        else:
            with psycopg.connect(extra["REPORTSERVER_DATABASE_URL"]) as server:
                found = server.execute(count).fetchone()
        assert found[0] == found[1] > 0


@pytest.fixture(scope="module")
def backup(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of an installation that its database belongs to."""
    folder = tmp_path_factory.mktemp("original")
    server = prepare_server(folder, prepared=prepared, REPORTSERVER_DEPLOYMENT_ID=_ID)
    server.manage("adopt")
    server.manage("backup", str(folder / "backup"))
    return folder / "backup"


def test_nobody_but_the_owner_can_read_a_backup(backup: Path) -> None:
    assert [path for path in (backup, *backup.rglob("*")) if path.stat().st_mode & 0o077] == []


def test_a_restore_that_is_killed_leaves_nothing_that_sends(backup: Path, tmp_path: Path) -> None:
    """Even where the installation has the id of the original."""
    copy = empty(tmp_path / "copy", REPORTSERVER_DEPLOYMENT_ID=_ID)
    code = f"import sys; sys.argv.append({str(backup)!r})\n{_KILLED}"
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", code]
    assert subprocess.run(command, cwd=copy.cwd, env=copy.env, check=False).returncode == -9
    with closing(sqlite3.connect(copy.database())) as restored:
        ((belongs_to,),) = restored.execute("select identifier from jobs_deployment").fetchall()
    assert belongs_to != _ID
    assert not list(copy.folder.glob("restoring-*"))


def test_an_empty_database_that_is_open_elsewhere_is_filled(backup: Path, tmp_path: Path) -> None:
    copy = empty(tmp_path / "copy")
    copy.folder.mkdir()
    with closing(sqlite3.connect(copy.database(), isolation_level=None)) as other:
        other.execute("pragma journal_mode=wal")
        assert other.execute("select count(*) from sqlite_master").fetchone() == (0,)
        assert "Verified up to #" in copy.manage("restore", str(backup)).stdout
        (tenants,) = other.execute("select count(*) from accounts_tenant").fetchone()
        assert tenants > 0
        assert other.execute("pragma integrity_check").fetchone() == ("ok",)


def test_what_another_database_left_beside_its_file_is_no_part_of_the_restored_one(
    backup: Path, tmp_path: Path
) -> None:
    """Somebody emptied the installation by deleting the file, but not its write-ahead log."""
    target = tmp_path / "reportserver.sqlite3"
    with closing(sqlite3.connect(target, isolation_level=None)) as other:
        other.execute("pragma journal_mode=wal")
        other.execute("create table strange (a)")
        other.executemany("insert into strange values (?)", ((number,) for number in range(1000)))
        shutil.copyfile(f"{target}-wal", tmp_path / "wal")
    target.unlink()
    shutil.copyfile(tmp_path / "wal", f"{target}-wal")
    database._fill_file(backup / "database" / "reportserver.sqlite3", target)
    with closing(sqlite3.connect(target)) as restored:
        assert restored.execute("pragma integrity_check").fetchone() == ("ok",)
        names = {name for (name,) in restored.execute("select name from sqlite_master")}
    assert "strange" not in names and "accounts_tenant" in names


def test_a_file_that_is_named_like_the_manifest_is_compared_as_well(tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    (folder / "uploads").mkdir(parents=True)
    (folder / "uploads" / "manifest.json").write_text("1")
    Manifest("sqlite", "", [], {}, [], "", "", {}).write(folder)
    Manifest.read(folder)
    (folder / "uploads" / "manifest.json").write_text("2")
    with pytest.raises(BadBackup, match=r"uploads/manifest\.json was changed"):
        Manifest.read(folder)


def test_a_backup_survives_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced, fsync = set[int](), os.fsync

    def record(descriptor: int) -> None:
        synced.add(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    folder = tmp_path / "backup"
    (folder / "keys").mkdir(parents=True)
    (folder / "keys" / "data_key").write_text("1")
    Manifest("sqlite", "", [], {}, [], "", "", {}).write(folder)
    assert {path.stat().st_ino for path in (tmp_path, folder, *folder.rglob("*"))} <= synced
