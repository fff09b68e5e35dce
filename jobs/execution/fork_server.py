"""The process that the processes of a worker's jobs are forked from, like the fork server of Python's multiprocessing.

After a fork each page of memory that either side writes to is copied. A worker that forked by itself would do that to
all that it works with, anew after each job. It would also have to close its connection to SQLite each time: locks
belong to a process, and a connection that lives through a fork may lose them, and with them the file
(https://sqlite.org/howtocorrupt.html, 2.6). This process has no connection, and does nothing but fork and reap.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import pickle
import signal
import socket
import struct
import time
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from django.conf import settings
from django.db import connections

from common.processes import die_with_parent
from jobs.execution.processes import consolidate_free_memory, reap

log = logging.getLogger(__name__)
#: What a forked process does, with a subject and open files that it is given.
Life = Callable[[Any, Sequence[int]], NoReturn]
_NUMBER = struct.Struct("q")
#: Instead of the size of a subject: reap what was forked.
_REAP = 0
#: Files that a process can be given.
_MOST_FILES = 8
#: The share of a lease after which a server that does not answer is given up.
_PATIENCE = 1 / 3
#: Seconds in which it tells the exit status of a process that has ended.
_SECONDS_TO_REAP = 1
#: Seconds in which the kernel ends a killed process.
_SECONDS_TO_DIE = 5


class ForkServer:
    """A fork server, as its worker sees it. It has one process at a time, from `fork` to `reap`. That ends with the
    server, and the server with the worker.

    A server that was killed or does not answer is lost: it is ended, and `is_ready` is false from then on.
    """

    def __init__(self, live: Life) -> None:
        connections.close_all()
        self._line, line = socket.socketpair()
        self._has_process = False
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            self._line.close()
            _serve(line, live, parent)
        line.close()

    def fork(self, subject: object, files: Sequence[int]) -> int | None:
        """Fork a process that lives with the subject, which is pickled, and the files. Its id; None if lost."""
        told = pickle.dumps(subject)
        self._has_process = True
        return self._asked(settings.LEASE_SECONDS * _PATIENCE, _NUMBER.pack(len(told)) + told, files)

    def reap(self) -> int | None:
        """The exit status of the process, which has ended; negative for a signal. None if lost."""
        status = self._asked(_SECONDS_TO_REAP, _NUMBER.pack(_REAP))
        self._has_process = status is None
        return status

    def is_ready(self) -> bool:
        """Whether it can fork. It has nothing to say unasked, but that it has ended."""
        if self._has_process or self._line.fileno() < 0:
            return False
        self._line.setblocking(False)
        try:
            self._line.recv(1)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

    def end(self) -> None:
        """And its process. What that leaves behind is adopted by the worker before this returns."""
        if self._line.fileno() < 0:
            return
        self._line.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        reap(self.pid, _SECONDS_TO_DIE)

    def _asked(self, seconds: float, told: bytes, files: Sequence[int] = ()) -> int | None:
        """Its answer, within that time altogether."""
        until = time.monotonic() + seconds
        with contextlib.suppress(OSError):
            self._line.settimeout(seconds)
            sent = socket.send_fds(self._line, [told], files)
            self._line.sendall(told[sent:])
            self._line.settimeout(max(0.001, until - time.monotonic()))
            if answer := self._line.recv(_NUMBER.size):
                return int(_NUMBER.unpack(answer)[0])
        self.end()
        return None


def _serve(line: socket.socket, live: Life, parent: int) -> NoReturn:
    """The whole life of the server."""
    try:
        die_with_parent(parent)
        gc.freeze()  # or a collection in a forked process writes to, and thus copies, what it looks at
        while _serve_once(line, live):
            pass
    except Exception:
        log.exception("The fork server failed.")
    finally:
        os._exit(0)


def _serve_once(line: socket.socket, live: Life) -> bool:
    """Fork, tell the process's id, and when asked how it ended. False when the worker has ended.

    Until then it is not reaped, so that the worker can kill it by its id and hits no other.
    """
    size, files, _, _ = socket.recv_fds(line, _NUMBER.size, _MOST_FILES)
    if not size:
        return False
    with line.makefile("rb") as told:
        subject = pickle.loads(told.read(*_NUMBER.unpack(size)))  # noqa: S301 - the worker's own
    pid = _fork(line, live, subject, files)
    line.sendall(_NUMBER.pack(pid))
    if line.recv(_NUMBER.size) != _NUMBER.pack(_REAP):
        return False
    _, status = os.waitpid(pid, 0)
    line.sendall(_NUMBER.pack(os.waitstatus_to_exitcode(status)))
    return True


def _fork(line: socket.socket, live: Life, subject: object, files: Sequence[int]) -> int:
    consolidate_free_memory()
    server = os.getpid()
    pid = os.fork()
    if pid == 0:
        die_with_parent(server)
        line.close()
        for file in files:
            os.set_inheritable(file, False)  # which recv_fds leaves out
        live(subject, files)
    for file in files:
        os.close(file)
    return pid
