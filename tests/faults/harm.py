"""A data source that harms the process that reads it, like a driver with a bug. No real driver can be made to do that.

The report's parameter `harm` says what it does: a name and, after a colon, an argument.
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
from django.db.backends.signals import connection_created
from django.utils import timezone
from django_q.queues import Queue

from reports.exceptions import QueryFailed, SourceUnavailable
from reports.parameters.values import TypedValue
from reports.sources import SOURCES
from reports.sources.base import Limits, Rows, SourceSpec
from reports.sources.sqlite.source import SqliteSource
from tests.faults import database_clock, gates


class HarmConfig(AppConfig):
    name = "tests.faults"

    def ready(self) -> None:
        from jobs.queue import cluster

        gates.install()
        if os.environ.get("FAULTS_WITHOUT_REPAIR"):
            cluster.QueueWithRecordLocks = Queue
        if skew := int(os.environ.get("FAULTS_CLOCK_SKEW", "0")):
            _set_clock(skew)
        SOURCES["sqlite"] = HarmfulSource()
        connection_created.connect(database_clock.install, dispatch_uid="faults")


def _set_clock(seconds: int) -> None:
    """Set Django's clock, which django-q2 uses, this many seconds ahead."""
    now = timezone.now
    timezone.now = lambda: now() + timedelta(seconds=seconds)


class HarmfulSource(SqliteSource):
    """Does its harm, then reads SQLite."""

    @contextmanager
    def read(self, spec: SourceSpec, query: str, values: Mapping[str, TypedValue], limits: Limits) -> Iterator[Rows]:
        harm = values.get("harm")
        name, _, argument = str(harm.value if harm and harm.value else "none").partition(":")
        HARMS[name](argument, limits)
        with super().read(spec, query, values, limits) as rows:
            yield replace(rows, batches=_one_by_one(rows.batches)) if name == "steps" else rows


def _one_by_one(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield one batch per row, with a gate before each."""
    number = 0
    for batch in batches:
        for start in range(batch.num_rows):
            gates.pass_gate(f"row-{number}")
            number += 1
            yield batch.slice(start, 1)


def _none(argument: str, limits: Limits) -> None:
    """Do nothing: the test harms another process."""


def _sleep(seconds: str, limits: Limits) -> None:
    time.sleep(float(seconds))


def _exit(status: str, limits: Limits) -> None:
    os._exit(int(status))


def _segfault(argument: str, limits: Limits) -> None:
    ctypes.string_at(0)


def _write_and_crash(text: str, limits: Limits) -> None:
    """Write to the standard error and crash, like a C library that gives up."""
    os.write(2, f"{text}\n".encode() * 5_000)
    ctypes.string_at(0)


def _burn_cpu(argument: str, limits: Limits) -> None:
    while True:
        pass


def _kill(argument: str, limits: Limits) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _use_memory(argument: str, limits: Limits) -> None:
    """Use more and more memory, like a driver that holds the whole result."""
    blocks = []
    while True:
        blocks.append(bytearray(16 * 2**20))


def _write_big_file(argument: str, limits: Limits) -> None:
    limits.temp_dir.mkdir(exist_ok=True)
    with (limits.temp_dir / "sorted").open("wb") as file:
        for _ in range(4096):
            file.write(bytes(2**20))
            file.flush()


def _ignore_signals(argument: str, limits: Limits) -> None:
    """Ignore SIGTERM and swallow every exception."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        with suppress(BaseException):
            time.sleep(60)


def _hang_in_c(argument: str, limits: Limits) -> None:
    """Lock a mutex twice in C while holding the GIL. After that no Python code runs, not even a signal handler."""
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    mutex = ctypes.create_string_buffer(64)
    libc = ctypes.PyDLL(None)
    libc.pthread_mutex_lock(mutex)
    libc.pthread_mutex_lock(mutex)


def _start_programs(seconds: str, limits: Limits) -> None:
    """Start programs in sessions of their own, as a driver that uses a browser or an office suite does, and wait."""
    _leave_programs("", limits)
    time.sleep(float(seconds))


def _leave_programs(argument: str, limits: Limits) -> None:
    """Start programs without waiting for them. They keep inherited files open, including the pipe to the worker."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(600)
        os._exit(0)
    os.wait()
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)


def _be_unavailable(argument: str, limits: Limits) -> None:
    raise SourceUnavailable


def _fail_with(text: str, limits: Limits) -> None:
    raise QueryFailed(f"{text} refused by the driver", driver=text)


def _write_and_exit(text: bytes) -> None:
    os.write(2, text)
    os._exit(3)


def _wait_for_file(path: str, limits: Limits) -> None:
    """Wait until the test creates this file."""
    while not Path(path).exists():
        time.sleep(0.02)


HARMS: dict[str, Callable[[str, Limits], None]] = {
    "none": _none,
    "steps": _none,
    "sleep": _sleep,
    "exit": _exit,
    "segfault": _segfault,
    "writes-and-crashes": _write_and_crash,
    "burns-cpu": _burn_cpu,
    "kill": _kill,
    "memory": _use_memory,
    "big-file": _write_big_file,
    "ignores-signals": _ignore_signals,
    "hangs-in-c": _hang_in_c,
    "starts-programs": _start_programs,
    "leaves-programs": _leave_programs,
    "unavailable": _be_unavailable,
    "waits-for-file": _wait_for_file,
    "query-fails": _fail_with,
    "nul-in-message": lambda argument, limits: _fail_with("\0", limits),
    "surrogate-in-message": lambda argument, limits: _fail_with("\ud800", limits),
    "nul-in-output": lambda argument, limits: _write_and_exit(b"a\0b"),
    "surrogate-in-output": lambda argument, limits: _write_and_exit(b"a\xed\xa0\x80b"),
}
