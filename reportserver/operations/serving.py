"""One parent for the web server and the workers of a host."""

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

from django.conf import settings

from common.backoff import Backoff, RestartTimer
from common.processes import die_with_parent
from reportserver.environment import bracketed

#: Seconds before a program that ended is started again.
_RESTART_WAITS = Backoff(first=0.5, longest=30)
#: Seconds after which a program counts as healthy. One that can't reach its database takes several to give up.
_STEADY_SECONDS = 60
#: Seconds that a program may take to stop beyond the time running jobs are given.
_STOP_SECONDS = 15
#: Seconds that the first start may take.
_START_SECONDS = 60


@dataclass
class Program:
    """A program that is kept running. Its output goes to a log file of the data folder."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    timer: RestartTimer = field(default_factory=lambda: RestartTimer(_RESTART_WAITS, _STEADY_SECONDS))

    def tend(self) -> None:
        """Start it if it does not run and its time has come."""
        if self.process is not None and self.process.poll() is not None:
            self.process = None
            self.timer.record_end()
        if self.process is None and self.timer.is_due():
            self._start()

    def stop(self, seconds: float) -> bool:
        """Wait that long for it to end after SIGTERM, then kill it. Whether it ended by itself, with code 0."""
        if self.process is None:
            return True
        try:
            return self.process.wait(seconds) == 0
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            return False

    def _start(self) -> None:
        self.timer.record_start()
        logs = Path(settings.DATA_DIR) / "logs"
        logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (logs / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own programs
                self.command,
                cwd=settings.BASE_DIR,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=partial(die_with_parent, os.getpid()),
            )


def _programs() -> list[Program]:
    return [
        Program("web", [sys.executable, "-m", "gunicorn", "--config", "python:reportserver.web.gunicorn_config"]),
        Program("jobs", [sys.executable, "-m", "reportserver", "jobserver"]),
    ]


@dataclass
class Server:
    """Runs its programs until SIGTERM or Ctrl-C. `greet` is called once, when the server is ready."""

    greet: Callable[[], None]
    programs: list[Program] = field(default_factory=_programs)
    stopping: bool = False

    def run(self) -> int:
        """The exit code: 0 when everything stopped by itself, else 1."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        greeted, give_up = False, time.monotonic() + _START_SECONDS
        while not self.stopping:
            for program in self.programs:
                program.tend()
            if not greeted and (_is_ready() or time.monotonic() > give_up):
                greeted = True
                self.greet()
            time.sleep(0.2)
        return self._stop_all()

    def _stop(self, number: int, frame: object) -> None:
        self.stopping = True

    def _stop_all(self) -> int:
        for program in self.programs:
            if program.process is not None:
                program.process.terminate()
        limit = settings.DRAIN_SECONDS + _STOP_SECONDS
        ended = [program.stop(limit) for program in self.programs]
        return 0 if all(ended) else 1


def _is_ready() -> bool:
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
    host = bracketed(everywhere.get(settings.HOST, settings.HOST))
    try:
        with urllib.request.urlopen(f"http://{host}:{settings.PORT}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
