"""The process that makes one report: forked for a worker, limited, and heard through a pipe.

It touches neither the server's database nor the queue: it is given the job, and answers in JSON lines.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import logging
import os
import resource
import select
import shutil
import signal
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings

from jobs.execution.child_output import Output, speak
from jobs.execution.fork_server import ForkServer
from jobs.execution.processes import become_subreaper, kill_children, signal_group, wait_readable
from jobs.failures import Failure
from jobs.models import JobExecutionLog
from jobs.results import publishing, storage
from reports import engine, rendering
from reports.exceptions import ReportDeleted, RunError
from reports.run_spec import run_spec

log = logging.getLogger(__name__)
#: Seconds that a child may take to end once it has said everything.
_GRACE_SECONDS = 5
#: Seconds between two lines of progress.
_PROGRESS_SECONDS = 0.5
#: Seconds of processor time that a child may have beyond its timeout on every core. Only a child whose worker is
#: itself stopped gets that far: else the worker has ended it.
_SPARE_CPU_SECONDS = 5
#: How far a child steps back, of 19.
_NICE = 10
_NOT_STARTED = Failure("worker_lost", "The process that makes the report could not be started.", retryable=True)


class Child:
    """A running child, as its worker sees it."""

    def __init__(self, job: JobExecutionLog, server: ForkServer) -> None:
        self.rows = self.bytes = 0
        self.percent: int | None = None
        self.result: dict[str, Any] | None = None
        self._failure: Failure | None = None
        self._heard = b""
        self._server = server
        self._pipe, write = os.pipe()
        self.output = Output()
        # What the child starts and leaves behind must be this process's to end, in whatever session it is.
        become_subreaper()
        self.pid = server.fork(job, (write, self.output.write))
        self._ended = os.pidfd_open(self.pid) if self.pid is not None else None
        os.close(write)
        self.output.hear()

    def listen(self, seconds: float) -> bool:
        """Take in what the child says for at most that long. False once it has said everything."""
        if self._ended is None:
            return False
        sources: list[int | Output] = [self._pipe, self._ended, *self.output.open]
        ready, _, _ = select.select(sources, [], [], seconds)
        if self.output in ready:
            self.output.take()
        if self._pipe not in ready:
            # Ended, and yet nobody closed the pipe: something that it left behind holds it open. What it said between
            # the looks at the one and at the other is still heard.
            return self._ended not in ready or wait_readable(self._pipe, 0)
        heard = os.read(self._pipe, 65536)
        *lines, self._heard = (self._heard + heard).split(b"\n")
        for line in lines:
            self._take(json.loads(line))
        return bool(heard)

    def end(self, *, kill: bool) -> Failure:
        """See the child's end, killing its whole group first if so asked or if it does not end, and end whatever it
        started. Answers why there is no result, where there is none: by its last words or else by how it ended.
        """
        status = self._reaped(kill=kill)
        kill_children(but=[self._server.pid])
        self.output.close()
        os.close(self._pipe)
        return self._failure or (_NOT_STARTED if self.pid is None else _without_a_word(status))

    def _reaped(self, *, kill: bool) -> int | None:
        """The exit status, where it becomes known. Until it is reaped no other process can have its id."""
        if self.pid is None or self._ended is None:
            return None
        if kill or not wait_readable(self._ended, _GRACE_SECONDS):
            signal_group(self.pid, signal.SIGKILL)
        has_ended = wait_readable(self._ended, _GRACE_SECONDS)
        os.close(self._ended)
        if not has_ended:
            # It would wait for it for ever.
            self._server.end()
            return None
        signal_group(self.pid, signal.SIGKILL)
        return self._server.reap()

    def _take(self, message: dict[str, Any]) -> None:
        if "progress" in message:
            self.rows, self.bytes, self.percent = message["progress"]
        elif "failure" in message:
            self._failure = Failure(**message["failure"])
        else:
            self.result = message


def _without_a_word(status: int | None) -> Failure:
    how = "no exit status" if status is None else f"signal {-status}" if status < 0 else f"exit status {status}"
    return Failure("worker_lost", f"The process that made the report ended without a word ({how}).", retryable=True)


def run_child(job: JobExecutionLog, files: Sequence[int]) -> NoReturn:
    """The whole life of the child, with the pipe to its worker and the one for its output."""
    pipe, output = files
    try:
        os.setsid()
        speak(output)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(0)
        # A crash in C leaves where it was in the log.
        faulthandler.enable(2)
        _limit(job)
        _step_back()
        with engine.storage_errors():
            # SQLite sorts what does not fit into memory in this folder; the system's may be a small one in memory.
            os.environ["SQLITE_TMPDIR"] = str(storage.draft_path(job.pk, job.fence).parent)
            result = _make(job, pipe)
        _say(pipe, result)
    except BaseException as error:  # noqa: BLE001 - the parent must hear of anything at all
        _say(pipe, {"failure": _describe(error)})
    finally:
        # The end of the process takes the kernel some thousandths of a second: the worker need not wait for it.
        with contextlib.suppress(OSError):
            os.close(pipe)
        os._exit(0)


def _make(job: JobExecutionLog, pipe: int) -> dict[str, Any]:
    draft = storage.draft_path(job.pk, job.fence)
    spill = storage.spill_folder(job.pk, job.fence)
    try:
        if job.version is None:
            raise ReportDeleted
        spec = run_spec(job.version, job.parameters, job.format, spill)
        result = engine.run(spec, draft, _reporter(pipe))
    finally:
        shutil.rmtree(spill, ignore_errors=True)
    extension = rendering.RENDERERS[job.format].extension
    stamp = publishing.publish(draft, storage.result_path(job.pk, job.fence, extension))
    return {
        "rows": result.rows,
        "size": result.size,
        "sha256": result.sha256,
        "truncated": result.truncated,
        "stamp": stamp,
    }


def _reporter(pipe: int) -> engine.Progress:
    last = [0.0]

    def report(rows: int, size: int, total: int | None) -> None:
        now = time.monotonic()
        if now - last[0] >= _PROGRESS_SECONDS:
            last[0] = now
            _say(pipe, {"progress": [rows, size, engine.percent(rows, total)]})

    return report


def _describe(error: BaseException) -> dict[str, Any]:
    trace = "".join(traceback.format_exception(error))
    if isinstance(error, RunError):
        driver = error.details.get("driver", "")
        return _failure(error.code, error.message, error.retryable, f"{driver}\n\n{trace}")
    if isinstance(error, MemoryError):
        return _failure("out_of_memory", "The report needs more memory than a job may use.", False, trace)
    return _failure("internal_error", "The report could not be made because of a fault in the server.", False, trace)


def _failure(code: str, message: str, retryable: bool, trace: str) -> dict[str, Any]:
    return {"code": code, "message": message, "retryable": retryable, "trace": trace.strip()}


def _say(pipe: int, message: Mapping[str, Any]) -> None:
    data = json.dumps(message).encode() + b"\n"
    while data:
        data = data[os.write(pipe, data) :]


def _step_back() -> None:
    """Let everybody else go first: an export may take minutes, a poll or a sign-in may not.

    It still gets a tenth of what another process gets; with the least there is, a host that is busy with other programs
    would let it starve until its deadline. Within a session of its own `nice` counts for nothing where the kernel
    groups processes by session (sched(7)).
    """
    os.nice(_NICE)
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(_NICE))


def _limit(job: JobExecutionLog) -> None:
    """Bound memory, file size, processor time and core dumps, and offer this process first when memory runs out."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    _, most_addresses = resource.getrlimit(resource.RLIMIT_AS)
    # The hard limit stays: the process that draws a chart reserves 34 GB of addresses and is bounded by what it uses.
    resource.setrlimit(resource.RLIMIT_AS, (used + settings.JOB_MEMORY_BYTES, most_addresses))
    resource.setrlimit(resource.RLIMIT_FSIZE, (settings.JOB_FILE_BYTES,) * 2)
    most = job.timeout_seconds * (os.cpu_count() or 1) + _SPARE_CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    Path("/proc/self/oom_score_adj").write_text("500")
