"""A data source that does harm to the process which reads it: a driver with a bug, as none of ours can be made to have.

The harm is the value of the report's parameter `harm`: a name, and after a colon what it needs to know.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
from django.apps import AppConfig
from django.utils import timezone
from django_q.queues import Queue

from reports.exceptions import SourceUnavailable
from reports.parameters.values import TypedValue
from reports.sources import SOURCES
from reports.sources.base import Limits, Rows, SourceSpec
from reports.sources.sqlite.source import SqliteSource
from tests.faults import gates


class HarmConfig(AppConfig):
    name = "tests.faults"

    def ready(self) -> None:
        from jobs.queue import broker

        gates.install()
        if os.environ.get("FAULTS_WITHOUT_REPAIR"):
            broker.QueueWithRecordLocks = Queue
        if skew := int(os.environ.get("FAULTS_CLOCK_SKEW", "0")):
            _set_clock(skew)
        SOURCES["sqlite"] = HarmfulSource()


def _set_clock(seconds: int) -> None:
    """Have Django's clock, which the queue goes by, so many seconds wrong."""
    right = timezone.now
    timezone.now = lambda: right() + timedelta(seconds=seconds)


class HarmfulSource(SqliteSource):
    """SQLite's, after the harm is done."""

    @contextmanager
    def read(self, spec: SourceSpec, query: str, values: Mapping[str, TypedValue], limits: Limits) -> Iterator[Rows]:
        harm = values.get("harm")
        name, _, detail = str(harm.value if harm and harm.value else "none").partition(":")
        HARMS[name](detail, limits)
        with super().read(spec, query, values, limits) as rows:
            yield replace(rows, batches=_one_by_one(rows.batches)) if name == "steps" else rows


def _one_by_one(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """A batch for each row, with a gate before each."""
    number = 0
    for batch in batches:
        for start in range(batch.num_rows):
            gates.come_to(f"row-{number}")
            number += 1
            yield batch.slice(start, 1)


def _none(detail: str, limits: Limits) -> None:
    """What is harmed is somewhere else."""


def _sleep(seconds: str, limits: Limits) -> None:
    time.sleep(float(seconds))


def _exit(status: str, limits: Limits) -> None:
    os._exit(int(status))


def _segfault(detail: str, limits: Limits) -> None:
    ctypes.string_at(0)


def _speaks_and_crashes(text: str, limits: Limits) -> None:
    """As a library in C does before it gives up."""
    os.write(2, f"{text}\n".encode() * 5_000)
    ctypes.string_at(0)


def _burns(detail: str, limits: Limits) -> None:
    while True:
        pass


def _kill(detail: str, limits: Limits) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _memory(detail: str, limits: Limits) -> None:
    """More and more of it, as a driver that holds the whole result."""
    hoard = []
    while True:
        hoard.append(bytearray(16 * 2**20))


def _big_file(detail: str, limits: Limits) -> None:
    limits.temp_dir.mkdir(exist_ok=True)
    with (limits.temp_dir / "sorted").open("wb") as file:
        for _ in range(4096):
            file.write(bytes(2**20))
            file.flush()


def _deaf(detail: str, limits: Limits) -> None:
    """Hears no SIGTERM and lets no exception out."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        with suppress(BaseException):
            time.sleep(60)


def _hangs_in_c(detail: str, limits: Limits) -> None:
    """Locks a mutex twice, in C and holding Python's own lock: no Python code runs any more, not even a handler."""
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    mutex = ctypes.create_string_buffer(64)
    libc = ctypes.PyDLL(None)
    libc.pthread_mutex_lock(mutex)
    libc.pthread_mutex_lock(mutex)


def _grandchild(seconds: str, limits: Limits) -> None:
    """Leaves a process in a session of its own, as a browser or an office suite started by a driver does, and waits."""
    _leave_one_behind("", limits)
    time.sleep(float(seconds))


def _leave_one_behind(detail: str, limits: Limits) -> None:
    """A process that nobody waits for; it keeps what it inherited open, the pipe to the worker too."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(600)
        os._exit(0)
    os.wait()
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)


def _unavailable(detail: str, limits: Limits) -> None:
    raise SourceUnavailable


def _until_there(path: str, limits: Limits) -> None:
    """Goes on once that file is there: a test decides when."""
    while not Path(path).exists():
        time.sleep(0.02)


HARMS: dict[str, Callable[[str, Limits], None]] = {
    "none": _none,
    "steps": _none,
    "sleep": _sleep,
    "exit": _exit,
    "segfault": _segfault,
    "speaks-and-crashes": _speaks_and_crashes,
    "burns": _burns,
    "kill": _kill,
    "memory": _memory,
    "big-file": _big_file,
    "deaf": _deaf,
    "hangs-in-c": _hangs_in_c,
    "grandchild": _grandchild,
    "leaves-one-behind": _leave_one_behind,
    "unavailable": _unavailable,
    "until-there": _until_there,
}
