"""Supervises the web server and the workers of a host."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings

from common.backoff import Backoff, RestartTimer
from common.processes import die_with_parent
from reportserver.environment import bracketed
from reportserver.operations import log_files

_RESTART_WAITS = Backoff(first=0.5, longest=30)
#: A program that ran this long counts as healthy. One that can't reach its database takes several seconds to give up.
_STEADY_SECONDS = 60
#: Time that a program is given to stop, on top of the time its jobs are given to finish.
_STOP_SECONDS = 15
#: After this time, `on_ready` is called even if the server isn't ready.
_MAX_START_SECONDS = 60
_POLL_SECONDS = 0.2


@dataclass
class Program:
    """A program that is restarted when it ends. Its output goes to a log file in the data folder, or to this one's."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    timer: RestartTimer = field(default_factory=lambda: RestartTimer(_RESTART_WAITS, _STEADY_SECONDS))

    def keep_running(self) -> None:
        """Start the program if it isn't running and its restart is due."""
        if self.process is not None and self.process.poll() is not None:
            self.process = None
            self.timer.record_end()
        if self.process is not None or not self.timer.is_due():
            return
        self.timer.record_start()
        if settings.LOG_FILES:
            with log_files.open_log(self.log) as log:
                self._start({"stdout": log, "stderr": log, "env": {**os.environ, log_files.VARIABLE: str(self.log)}})
        else:
            self._start({})

    @property
    def log(self) -> Path:
        return Path(settings.DATA_DIR) / "logs" / f"{self.name}.log"

    def _start(self, options: dict[str, Any]) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - our own programs
            self.command,
            cwd=settings.BASE_DIR,
            stdin=subprocess.DEVNULL,
            # Ctrl-C in the terminal must reach only the supervisor, which stops the programs in order.
            start_new_session=True,
            preexec_fn=partial(die_with_parent, os.getpid()),
            **options,
        )

    def wait_until_stopped(self, seconds: float) -> bool:
        """Wait for a program that was asked to stop, then kill it. True if it ended by itself with code 0."""
        if self.process is None:
            return True
        try:
            return self.process.wait(seconds) == 0
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            return False


def programs(*, workers: bool) -> list[Program]:
    """The web server and, with `workers`, the jobserver."""
    web = Program("web", [sys.executable, "-m", "gunicorn", "--config", "python:reportserver.web.gunicorn_config"])
    jobs = Program("jobs", [sys.executable, "-m", "reportserver", "jobserver"])
    return [web, jobs] if workers else [web]


@dataclass
class Server:
    """Runs the programs until SIGTERM or Ctrl-C. Calls `on_ready` once, when the server can do its work."""

    on_ready: Callable[[], None]
    programs: list[Program]
    stopping: bool = False

    def run(self) -> int:
        """Return the exit code: 0 if all programs stopped by themselves, else 1."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        was_ready, deadline = False, time.monotonic() + _MAX_START_SECONDS
        while not self.stopping:
            for program in self.programs:
                program.keep_running()
                if settings.LOG_FILES and settings.LOG_BYTES:
                    log_files.rotate(program.log, settings.LOG_BYTES)
            if not was_ready and (_is_ready() or time.monotonic() > deadline):
                was_ready = True
                self.on_ready()
            time.sleep(_POLL_SECONDS)
        # Ask all of them to stop before waiting for the first, so they stop at the same time.
        for program in self.programs:
            if program.process is not None:
                program.process.terminate()
        stopped = [program.wait_until_stopped(settings.DRAIN_SECONDS + _STOP_SECONDS) for program in self.programs]
        return 0 if all(stopped) else 1

    def _stop(self, number: int, frame: object) -> None:
        self.stopping = True


def _is_ready() -> bool:
    # A server that listens on all addresses is reached at the local one.
    all_addresses = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
    host = bracketed(all_addresses.get(settings.HOST, settings.HOST))
    try:
        with urllib.request.urlopen(f"http://{host}:{settings.PORT}/readyz", timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
