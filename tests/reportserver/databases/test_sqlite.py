"""Waiting for SQLite's write lock: bounded, and nobody starves."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from django.db.utils import OperationalError
from pytest_django import DjangoDbBlocker

from reportserver.databases.errors import CommitUnconfirmed
from reportserver.databases.sqlite.base import DatabaseWrapper


@pytest.fixture(autouse=True)
def _allowed(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The databases here are files of the tests' own."""
    with django_db_blocker.unblock():
        yield


def connected(path: Path, timeout: float, **options: object) -> DatabaseWrapper:
    settings = {
        "ENGINE": "reportserver.databases.sqlite", "NAME": path, "TIME_ZONE": None, "CONN_MAX_AGE": 0, "TEST": {},
        "CONN_HEALTH_CHECKS": False, "ATOMIC_REQUESTS": False, "AUTOCOMMIT": True,
        "OPTIONS": {"timeout": timeout, "transaction_mode": "IMMEDIATE", **options},
    }  # fmt: skip
    return DatabaseWrapper(settings, alias="waiting")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with closing(sqlite3.connect(tmp_path / "db")) as database:
        database.execute("pragma journal_mode = wal")
        database.execute("create table t (n integer)")
    return tmp_path / "db"


@pytest.fixture
def holder(path: Path) -> Iterator[sqlite3.Connection]:
    """Somebody who has the write lock."""
    with closing(sqlite3.connect(path, check_same_thread=False, isolation_level=None)) as database:
        database.execute("begin immediate")
        yield database


def test_a_transaction_begins_soon_after_the_lock_is_free(path: Path, holder: sqlite3.Connection) -> None:
    release = threading.Timer(0.3, holder.rollback)
    release.start()
    waiting = connected(path, timeout=20)
    waiting.connect()
    waiting.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    assert not holder.in_transaction
    assert waiting.connection.in_transaction
    waiting.rollback()
    release.join()
    waiting.close()


def test_a_transaction_gives_up_after_the_timeout(path: Path, holder: sqlite3.Connection) -> None:
    waiting = connected(path, timeout=0.2)
    waiting.connect()
    with pytest.raises(OperationalError, match="locked"):
        waiting.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    waiting.close()


def test_statements_outside_of_transactions_wait_as_before(path: Path, holder: sqlite3.Connection) -> None:
    waiting = connected(path, timeout=20)
    waiting.connect()
    with pytest.raises(OperationalError):
        connected_briefly(path)
    threading.Timer(0.2, holder.rollback).start()
    with waiting.cursor() as cursor:
        cursor.execute("insert into t values (1)")
        assert cursor.execute("select count(*) from t").fetchone() == (1,)
    waiting.close()


def connected_briefly(path: Path) -> None:
    """A transaction that fails must leave the connection's own patience as it was."""
    brief = connected(path, timeout=0.01)
    brief.connect()
    try:
        brief.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    finally:
        with brief.connection as raw:
            assert raw.execute("pragma busy_timeout").fetchone() == (10,)
        brief.close()


@pytest.fixture
def durable(path: Path) -> Iterator[DatabaseWrapper]:
    """A connection whose transactions wait for the disk after they gave the lock back."""
    with closing(durable_connection(path)) as database:
        yield database


def durable_connection(path: Path) -> DatabaseWrapper:
    full = "pragma journal_mode = wal; pragma synchronous = full"
    database = connected(path, 0.2, init_command=full, sync_after_commit=True)
    database.connect()
    return database


def begun(database: DatabaseWrapper) -> None:
    database.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)


def synchronous(database: DatabaseWrapper) -> int:
    return int(database.connection.execute("pragma synchronous").fetchone()[0])


def test_a_commit_returns_after_its_log_is_on_the_disk_and_the_lock_is_free(
    path: Path, durable: DatabaseWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[str, list[tuple[int]]]] = []
    to_disk = os.fdatasync

    def look(descriptor: int) -> None:
        with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other:
            other.execute("begin immediate")
            synced.append(
                (str(Path(f"/proc/self/fd/{descriptor}").readlink()), other.execute("select n from t").fetchall())
            )
        to_disk(descriptor)

    monkeypatch.setattr(os, "fdatasync", look)
    begun(durable)
    durable.connection.execute("insert into t values (7)")
    durable.commit()
    assert synced == [(f"{path}-wal", [(7,)])]


def test_statements_outside_of_transactions_are_on_the_disk_at_once(durable: DatabaseWrapper, path: Path) -> None:
    full, normal = 2, 1
    for end in (durable.commit, durable.rollback):
        begun(durable)
        assert synchronous(durable) == normal
        end()
        durable.set_autocommit(True)
        assert synchronous(durable) == full
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("begin immediate")
        with pytest.raises(OperationalError, match="locked"):
            begun(durable)
    assert synchronous(durable) == full


def test_a_disk_that_fails_makes_the_commit_fail(durable: DatabaseWrapper, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    begun(durable)
    durable.connection.execute("insert into t values (7)")
    monkeypatch.setattr(os, "fdatasync", broken)
    with pytest.raises(OperationalError, match="Input/output error"):
        durable.commit()


def test_the_log_of_a_database_behind_a_link_is_synced(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = path.parent / "elsewhere"
    folder.mkdir()
    (folder / "link").symlink_to(path)
    synced: list[str] = []
    monkeypatch.setattr(os, "fdatasync", lambda log: synced.append(str(Path(f"/proc/self/fd/{log}").readlink())))
    with closing(durable_connection(folder / "link")) as database:
        begun(database)
        database.connection.execute("insert into t values (7)")
        database.commit()
    assert synced == [f"{path}-wal"]


def test_a_log_that_is_gone_makes_the_commit_fail(path: Path, durable: DatabaseWrapper) -> None:
    begun(durable)
    durable.connection.execute("insert into t values (7)")
    Path(f"{path}-wal").unlink()
    with pytest.raises(CommitUnconfirmed, match="No such file"):
        durable.commit()


def test_the_first_commit_of_a_new_database_needs_no_log_of_before(tmp_path: Path) -> None:
    with closing(durable_connection(tmp_path / "new")) as database:
        begun(database)
        database.commit()
        begun(database)
        database.connection.execute("create table t (n integer)")
        database.commit()


def test_a_process_forked_while_a_thread_tries_to_begin_can_begin_too(path: Path) -> None:
    trying, forked = threading.Event(), threading.Event()

    def try_to_begin() -> None:
        with connected(path, 1)._only_thread_trying(time.monotonic() + 1):
            trying.set()
            forked.wait()

    thread = threading.Thread(target=try_to_begin)
    thread.start()
    assert trying.wait(10)
    child = os.fork()
    if child == 0:
        with suppress(OperationalError), connected(path, 1)._only_thread_trying(time.monotonic() + 0.1):
            os._exit(0)
        os._exit(1)
    forked.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0


def test_many_writers_each_get_their_turn(path: Path) -> None:
    def write() -> None:
        mine = connected(path, timeout=20)
        mine.connect()
        for _ in range(20):
            mine.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
            with mine.cursor() as cursor:
                cursor.execute("insert into t select coalesce(max(n), 0) + 1 from t")
            time.sleep(0.001)
            mine.commit()
            mine.set_autocommit(True)
        mine.close()

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("select count(*), max(n) from t").fetchone() == (160, 160)
