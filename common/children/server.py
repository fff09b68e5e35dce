"""The process that children are forked from: `python -m common.children.server SOCKET SLOTS MODULE…`.

It starts without the environment and the memory of the process that needs it, so no key or password is in a child
that its task doesn't bring along. It loads the modules of the tasks, and forks a server; if that is killed, it forks
another. Both end when nobody can send orders any more.

The server starts children in turn, kills them at their deadline or when their caller is gone, and says how they ended.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import logging
import os
import pickle
import selectors
import shutil
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from common.children.fair_queue import FairQueue
from common.children.limits import limit_resources, lower_priority
from common.children.messages import Kind, Order, encode, encode_result
from common.processes import consolidate_free_memory, fork_process, signal_group, use_huge_pages

log = logging.getLogger(__name__)
_MAX_ORDER_BYTES = 4_096
#: People wait for children, so they come before jobs; but not before requests of others.
_NICENESS = 5
#: Cores that a child's libraries use.
_CORES = 2
#: Seconds of processor time beyond the deadline. A child gets that far only if the server is stopped.
_SPARE_CPU_SECONDS = 5
_MAX_TRACE_BYTES = 20_000


@dataclass(eq=False)
class _Child:
    """A task that waits or runs. Times are of the monotonic clock."""

    order: Order
    connection: socket.socket
    task: int
    #: When it must have started, and once it has, when it must have ended.
    deadline: float
    pid: int = 0
    pidfd: int = -1
    folder: Path = field(default_factory=Path)
    #: Sent in place of how it ended, if it was killed.
    verdict: Kind | None = None


class ChildServer:
    """Runs the orders that arrive at a socket."""

    def __init__(self, requests: socket.socket, slots: int) -> None:
        self._requests = requests
        self._is_needed = True
        self._queue: FairQueue[_Child] = FairQueue(slots)
        self._running: set[_Child] = set()
        self._selector = selectors.DefaultSelector()
        self._selector.register(requests, selectors.EVENT_READ, self._accept)

    def serve(self) -> None:
        """Run until nobody can send orders any more."""
        while self._is_needed:
            for key, _ in self._selector.select(self._pause()):
                key.data()
            self._look_at_clock()
            while child := self._queue.take():
                self._start(child)
        for child in list(self._running):
            self._kill(child)
            self._end(child)

    def _pause(self) -> float | None:
        deadlines = [child.deadline for child in (*self._queue, *self._running) if child.deadline < float("inf")]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _accept(self) -> None:
        data, files, _, _ = socket.recv_fds(self._requests, _MAX_ORDER_BYTES, 2)
        if not data:
            self._is_needed = False
            return
        if len(files) < 2:
            # This process has no descriptors left. The caller sees that its connection was closed.
            for file in files:
                os.close(file)
            return
        connection, task = socket.socket(fileno=files[0]), files[1]
        order = Order.decode(data)
        child = _Child(order, connection, task, time.monotonic() + order.limits.wait_seconds)
        connection.setblocking(False)
        # Its caller sends nothing more: it can only be gone.
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._abandon(child))
        self._queue.add(order.caller, child)

    def _abandon(self, child: _Child) -> None:
        """Forget a child whose caller is gone."""
        if child in self._running:
            self._selector.unregister(child.connection)
            self._kill(child)
        elif child.task >= 0:
            self._queue.remove(child.order.caller, child)
            self._close(child)

    def _look_at_clock(self) -> None:
        now = time.monotonic()
        for child in [child for child in self._queue if child.deadline <= now]:
            self._queue.remove(child.order.caller, child)
            self._send(child, encode(Kind.BUSY))
            self._close(child)
        for child in [child for child in self._running if child.deadline <= now]:
            child.verdict = Kind.TIMEOUT
            self._kill(child)

    def _start(self, child: _Child) -> None:
        consolidate_free_memory()
        try:
            child.folder = Path(tempfile.mkdtemp(prefix="reportserver-"))
            child.pid = fork_process("child", lambda: self._become(child))
            child.pidfd = os.pidfd_open(child.pid)
        except OSError:
            log.exception("A child could not be started.")
            if child.pid:
                # It runs already, but without a descriptor nobody would notice its end or its deadline.
                os.kill(child.pid, signal.SIGKILL)
                os.waitpid(child.pid, 0)
            self._queue.release(child.order.caller)
            self._close(child)
            return
        child.deadline = time.monotonic() + child.order.limits.seconds
        self._running.add(child)
        self._selector.register(child.pidfd, selectors.EVENT_READ, lambda: self._end(child))

    def _become(self, child: _Child) -> None:
        """In the forked process: keep only what belongs to this child, and run its task."""
        others = [*self._queue, *self._running]
        for other in others:
            other.connection.close()
            os.close(other.task)
        self._selector.close()
        self._requests.close()
        run_task(child.order, child.connection, child.task, child.folder)

    def _kill(self, child: _Child) -> None:
        signal_group(child.pid, signal.SIGKILL)
        # It ends as soon as the kernel has torn it down, which _end then notices.
        child.deadline = float("inf")

    def _end(self, child: _Child) -> None:
        """Tell the caller how a child has ended, and clean up what it left behind."""
        # The id stays the child's own until it is reaped.
        signal_group(child.pid, signal.SIGKILL)
        _, status = os.waitpid(child.pid, 0)
        self._selector.unregister(child.pidfd)
        os.close(child.pidfd)
        self._running.discard(child)
        self._queue.release(child.order.caller)
        ending = encode(child.verdict) if child.verdict else None
        self._send(child, ending or encode(Kind.ENDED, str(os.waitstatus_to_exitcode(status)).encode()))
        self._close(child)

    def _send(self, child: _Child, message: bytes) -> None:
        # A caller that doesn't read what the child has sent doesn't need to know how it ended either.
        # The child has made its connection blocking, and that applies to this end of it as well.
        with contextlib.suppress(OSError):
            child.connection.send(message, socket.MSG_DONTWAIT)

    def _close(self, child: _Child) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(child.connection)
        child.connection.close()
        os.close(child.task)
        child.task = -1
        if child.folder != Path():
            shutil.rmtree(child.folder, ignore_errors=True)


def run_task(order: Order, connection: socket.socket, task_file: int, folder: Path) -> None:
    """Run the pickled task within its limits, and send what it returns."""
    limits = order.limits
    with os.fdopen(task_file, "rb") as file:
        file.seek(0)
        task, arguments = pickle.load(file)  # noqa: S301 - from a process that has this one's rights anyway
    connection.setblocking(True)
    tempfile.tempdir = os.environ["SQLITE_TMPDIR"] = str(folder)
    # A crash in C writes a stack trace to the log.
    faulthandler.enable(2)
    cpu_seconds = int(limits.seconds) * _CORES + _SPARE_CPU_SECONDS
    limit_resources(memory_bytes=limits.memory_bytes, file_bytes=limits.file_bytes, cpu_seconds=cpu_seconds)
    lower_priority(_NICENESS)
    connection.sendall(_answer(task, arguments, limits.result_bytes))


def _answer(task: Callable[..., object], arguments: tuple[object, ...], max_bytes: int) -> bytes:
    try:
        result = encode_result(task, task(*arguments))
    except MemoryError:
        return encode(Kind.OUT_OF_MEMORY)
    except Exception:  # noqa: BLE001 - the caller logs it
        return encode(Kind.ERROR, traceback.format_exc().encode(errors="replace")[-_MAX_TRACE_BYTES:])
    return encode(Kind.TOO_LARGE) if len(result) > max_bytes else encode(Kind.RESULT, result)


def main(requests: int, slots: int, modules: list[str]) -> NoReturn:
    connection = socket.socket(fileno=requests)
    for module in modules:
        import_module(module)
    gc.collect()
    # A garbage collection in a child would write to every object, and so copy all memory.
    gc.freeze()
    use_huge_pages()
    while True:
        pid = fork_process("server of children", lambda: ChildServer(connection, slots).serve())
        _, status = os.waitpid(pid, 0)
        if status == 0:
            # Without clean-up: libraries report what the frozen garbage collector has not collected.
            os._exit(0)
        log.warning("The server of children was lost (status %s).", status)
        time.sleep(0.1)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
