"""A power cut: of each SQLite file, only what was synced is left."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.server import ROOT, RunningServer, prepare_server
from tests.shared_library import compile_library

#: Commits, counts calls and runs checkpoints, and says each time when the commit has returned.
_WORK = """
import django; django.setup()
from django.db import connection, transaction
from common.throttling import count_in_database
from jobs.execution.sqlite_checkpoint import checkpoint
with connection.cursor() as cursor:
    cursor.execute("create table done (n integer)")
for n in range(1_000_000):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("insert into done values (%s)", [n])
        cursor.execute("update done set n = n where n % 7 = 0")
    count_in_database("api", f"caller {n}")
    if n % 20 == 19:
        checkpoint()
    print(n, flush=True)
"""
_COUNT = """
import django; django.setup()
from common.throttling import count_in_database
usage = count_in_database("api", "a")
print(usage.window, usage.used)
"""
COMMITS = 150


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_library(Path(__file__).with_name("synced_copies.c"), tmp_path_factory.mktemp("library"))


@pytest.fixture
def disk(tmp_path: Path, prepared: Path, library: Path) -> tuple[RunningServer, Path]:
    """A server whose process was killed after so many commits, and a folder with what was synced of its files."""
    folder, synced = tmp_path / "data", tmp_path / "synced"
    server = prepare_server(folder, prepared=prepared)
    synced.mkdir()
    # What was there before was synced long ago.
    shutil.copy(server.database(), synced)
    env = {**server.env, "LD_PRELOAD": str(library), "SYNCED_FROM": str(folder), "SYNCED_TO": str(synced)}
    with subprocess.Popen([sys.executable, "-c", _WORK], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as work:
        assert work.stdout
        for _ in range(COMMITS):
            assert work.stdout.readline(), "the program ended by itself"
        work.send_signal(signal.SIGKILL)
    return server, synced


def test_every_commit_that_returned_is_in_the_database(disk: tuple[RunningServer, Path]) -> None:
    _, synced = disk
    with closing(sqlite3.connect(synced / "reportserver.sqlite3")) as database:
        assert database.execute("pragma integrity_check").fetchall() == [("ok",)]
        found = [n for (n,) in database.execute("select n from done order by n")]
    assert len(found) >= COMMITS
    assert found == list(range(len(found)))


@pytest.mark.parametrize("left", ["what was synced", "half of the file", "a log without its file", "blocks of zeros"])
def test_calls_are_counted_whatever_is_left_of_the_counters(disk: tuple[RunningServer, Path], left: str) -> None:
    server, synced = disk
    file = server.folder / "counters.sqlite3"
    if left == "what was synced":
        for suffix in ("", "-wal", "-shm"):
            Path(f"{file}{suffix}").unlink(missing_ok=True)
        for path in synced.glob("counters*"):
            shutil.copy(path, server.folder)
    elif left == "half of the file":
        with closing(sqlite3.connect(file)) as database:
            database.execute("pragma wal_checkpoint(truncate)").fetchall()
        with file.open("r+b") as opened:
            opened.truncate(file.stat().st_size // 2)
    elif left == "a log without its file":
        file.unlink()
    else:
        with closing(sqlite3.connect(file)) as database:
            database.execute("pragma wal_checkpoint(truncate)").fetchall()
        with file.open("r+b") as opened:
            opened.seek(4096)
            opened.write(bytes(file.stat().st_size - 4096))
    command = [sys.executable, "-c", _COUNT]
    counts = []
    for _ in range(2):
        counted = subprocess.run(command, cwd=ROOT, env=server.env, capture_output=True, text=True, check=False)
        assert counted.returncode == 0, counted.stderr
        counts.append([int(number) for number in counted.stdout.split()])
    (first_window, first), (second_window, second) = counts
    assert (first, second) == (1, 2 if first_window == second_window else 1)
