"""The process that the processes of a worker's jobs are forked from, like the fork server of Python's multiprocessing.

After a fork each page of memory that either side writes to is copied. A worker that forked by itself would do that to
all that it works with, anew after each job. It would also have to close its connection to SQLite each time: locks
belong to a process, and a connection that lives through a fork may lose them, and with them the file
(https://sqlite.org/howtocorrupt.html, 2.6). This process has no connection, and does nothing but fork.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import pickle
import select
import signal
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from django.conf import settings
from django.db import connections

from jobs.processes import die_with_parent, join_freed_memory

log = logging.getLogger(__name__)
#: What a forked process does, with a subject and open files that it is given.
Life = Callable[[Any, Sequence[int]], NoReturn]
_NUMBER = struct.Struct("q")
#: Files that a process can be given.
_MOST_FILES = 8


class ForkServer:
    """A fork server, as its worker sees it. One process that it forked lives at a time, and ends with the server, which
    ends with the worker.

    It is lost when it was killed or does not answer. `fileno` is ready to be read then, and when the process has ended.
    """

    def __init__(self, live: Life) -> None:
        connections.close_all()
        self._line, line = socket.socketpair()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            self._line.close()
            _serve(line, live, parent)
        line.close()

    def fork(self, subject: object, files: Sequence[int]) -> int | None:
        """Fork a process that lives with the subject, which is pickled, and the files. Its id; None: lost."""
        told = pickle.dumps(subject)
        patience = settings.LEASE_SECONDS / 2
        with contextlib.suppress(OSError):
            self._line.settimeout(patience)
            socket.send_fds(self._line, [_NUMBER.pack(len(told))], files)
            self._line.sendall(told)
            if (pid := self._heard(patience)) is not None:
                return pid
        self.end()
        return None

    def ended(self, seconds: float) -> int | None:
        """The exit status of the process, negative for a signal. None: it still lives after that time, or lost."""
        with contextlib.suppress(OSError):
            return self._heard(seconds)
        return None

    def is_lost(self) -> bool:
        """To be asked while no process lives: then it has nothing to say but that."""
        return self.fileno() < 0 or bool(select.select([self], [], [], 0)[0])

    def fileno(self) -> int:
        return self._line.fileno()

    def end(self) -> None:
        """And what it has forked with it."""
        self._line.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def _heard(self, seconds: float) -> int | None:
        self._line.settimeout(seconds)
        answer = self._line.recv(_NUMBER.size)
        return int(_NUMBER.unpack(answer)[0]) if answer else None


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
    """Fork, and tell how that ended. False when the worker has ended."""
    size, files, _, _ = socket.recv_fds(line, _NUMBER.size, _MOST_FILES)
    if not size:
        return False
    with line.makefile("rb") as told:
        subject = pickle.loads(told.read(*_NUMBER.unpack(size)))  # noqa: S301 - the worker's own
    join_freed_memory()
    server = os.getpid()
    pid = os.fork()
    if pid == 0:
        die_with_parent(server)
        line.close()
        live(subject, files)
    for file in files:
        os.close(file)
    line.sendall(_NUMBER.pack(pid))
    _, status = os.waitpid(pid, 0)
    line.sendall(_NUMBER.pack(os.waitstatus_to_exitcode(status)))
    return True
