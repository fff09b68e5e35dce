"""The process that a worker's children are forked from, like the fork server of Python's multiprocessing.

After a fork, every page of memory that either side writes to is copied. If a worker forked its children itself, that
would happen to everything it works with, again after each job. It would also have to close its connection to SQLite
each time: file locks belong to a process, and a connection that is carried across a fork may lose them and corrupt the
file (https://sqlite.org/howtocorrupt.html, 2.6). The fork server has no connection and does nothing but fork and reap.
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

from common.processes import consolidate_free_memory, die_with_parent, reap

log = logging.getLogger(__name__)
#: The function that a forked process runs, with a task and open files.
Main = Callable[[Any, Sequence[int]], NoReturn]
#: The format of numbers between worker and fork server.
_NUMBER = struct.Struct("q")
#: Sent in place of a task's size to ask for the exit status.
_REAP = 0
#: File descriptors that can be passed to a process.
_MAX_FILES = 8
#: Seconds in which the fork server reports the exit status of a process that has ended.
_REAP_SECONDS = 1
#: Seconds in which the kernel ends a killed process.
_KILL_SECONDS = 5


class ForkServer:
    """A worker's fork server, as the worker sees it.

    It has one process at a time, from `fork` to `reap`. The process dies with the fork server, and the fork server with
    the worker. A fork server that was killed or does not answer in time is lost: it is killed, and `is_ready` returns
    False from then on.

    Database connections of the worker must be closed before it is created, or the fork would share them.
    """

    def __init__(self, main: Main, *, answer_seconds: float) -> None:
        self._answer_seconds = answer_seconds
        self._socket, server_socket = socket.socketpair()
        self._has_process = False
        worker = os.getpid()
        try:
            self.pid = os.fork()
        except OSError:
            self._socket.close()
            server_socket.close()
            raise
        if self.pid == 0:
            self._socket.close()
            _serve(server_socket, main, worker)
        server_socket.close()

    def fork(self, task: object, files: Sequence[int]) -> int | None:
        """Fork a process that runs `main` with the pickled task and the files. Return its id, or None if lost."""
        data = pickle.dumps(task)
        self._has_process = True
        return self._request(_NUMBER.pack(len(data)) + data, files, seconds=self._answer_seconds)

    def reap(self) -> int | None:
        """Return the exit status of the process, which has ended; negative for a signal. None if lost."""
        status = self._request(_NUMBER.pack(_REAP), seconds=_REAP_SECONDS)
        self._has_process = status is None
        return status

    def is_ready(self) -> bool:
        """True if it can fork a process."""
        if self._has_process or self._socket.fileno() < 0:
            return False
        self._socket.setblocking(False)
        try:
            # It sends nothing unasked, so whatever can be read here means that it has ended.
            self._socket.recv(1)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

    def end(self) -> None:
        """Kill the fork server and its process. The worker adopts what that process started before this returns."""
        if self._socket.fileno() < 0:
            return
        self._socket.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        reap(self.pid, _KILL_SECONDS)

    def _request(self, data: bytes, files: Sequence[int] = (), *, seconds: float) -> int | None:
        """Send a request and return the answer. End the fork server if both take longer than `seconds`."""
        until = time.monotonic() + seconds
        with contextlib.suppress(OSError):
            self._socket.settimeout(seconds)
            sent = socket.send_fds(self._socket, [data], files)
            self._socket.sendall(data[sent:])
            self._socket.settimeout(max(0.001, until - time.monotonic()))
            answer = self._socket.recv(_NUMBER.size)
            if answer:
                return int(_NUMBER.unpack(answer)[0])
        self.end()
        return None


def _serve(requests: socket.socket, main: Main, worker: int) -> NoReturn:
    """Run the fork server until its worker ends."""
    try:
        die_with_parent(worker)
        # A garbage collection in a forked process would write to every object, and so copy all memory.
        gc.freeze()
        while _serve_one_process(requests, main):
            pass
    except Exception:
        log.exception("The fork server failed.")
    finally:
        os._exit(0)


def _serve_one_process(requests: socket.socket, main: Main) -> bool:
    """Fork a process and send its id, then its exit status when asked. False if the worker has ended.

    The process is not reaped before the worker asks, so that its id can't be reused: the worker kills it by its id.
    """
    size, files, _, _ = socket.recv_fds(requests, _NUMBER.size, _MAX_FILES)
    if not size:
        return False
    with requests.makefile("rb") as stream:
        task = pickle.loads(stream.read(*_NUMBER.unpack(size)))  # noqa: S301 - sent by the worker itself
    consolidate_free_memory()
    server = os.getpid()
    pid = os.fork()
    if pid == 0:
        die_with_parent(server)
        requests.close()
        for file in files:
            # recv_fds leaves them inheritable. Programs that the process starts would keep the worker's pipes open.
            os.set_inheritable(file, False)
        main(task, files)
    for file in files:
        os.close(file)
    requests.sendall(_NUMBER.pack(pid))
    if requests.recv(_NUMBER.size) != _NUMBER.pack(_REAP):
        return False
    _, status = os.waitpid(pid, 0)
    requests.sendall(_NUMBER.pack(os.waitstatus_to_exitcode(status)))
    return True
