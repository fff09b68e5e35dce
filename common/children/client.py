"""Runs tasks in limited children: the only way in which a web process works on what authors and users wrote.

The processes of a web server share one server of children (see `start`), so that the number of children is bounded for
the host. Any other process starts one when it first needs it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TypeVar

from common.children.fair_queue import Bounds, Caller
from common.children.messages import ChildLimits, Kind, Order, decode_result, receive

log = logging.getLogger(__name__)
Result = TypeVar("Result")

_ROOT = Path(__file__).parents[2]
#: Environment variables that drivers, fonts and Python itself need. No key or password is among them.
_INHERITED = {
    "PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "PGSERVICEFILE", "PGSYSCONFDIR", "PGPASSFILE", "PGSSLROOTCERT", "ODBCINI", "ODBCSYSINI", "TNS_ADMIN", "KRB5CCNAME",
    "COVERAGE_FILE", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG",
}  # fmt: skip
#: Seconds beyond a child's own after which the server of children doesn't work: it may take that long to start.
_SPARE_SECONDS = 30


class Reason(Enum):
    """Why a child has no result."""

    #: No slot was free in time, or the caller has too many tasks already.
    BUSY = "busy"
    OUT_OF_MEMORY = "out of memory"
    TIMEOUT = "timeout"
    TOO_LARGE = "result too large"
    #: It was killed or crashed, which a lack of memory may have caused.
    LOST = "lost"


class ChildFailed(Exception):
    """A child has no result, for a reason outside of its task."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class TaskError(Exception):
    """The task raised an exception, which was logged with its stack trace: an error of this program."""


class Children:
    """The server of children as this process sees it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._slots, self._modules = 1, list[str]()
        self._bounds = Bounds(1)

    def configure(self, *, modules: list[str], slots: int, calls: int) -> None:
        """`modules` define the tasks. `slots`: how many children run at once on this host; `calls`: how many threads of
        this process wait for one."""
        self._modules, self._slots, self._bounds = modules, slots, Bounds(calls)

    def start(self) -> socket.socket:
        """Start the server of children, for this process and those that it forks. Return where it takes orders."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(5)
        environment = {name: value for name, value in os.environ.items() if name in _INHERITED}
        with theirs:
            command = [sys.executable, "-P", "-s", "-m", "common.children.server", str(theirs.fileno())]
            # In a session of its own: what interrupts a terminal's processes must not end it before its callers.
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter, and nothing from outside in the arguments
                [*command, str(self._slots), *self._modules],
                pass_fds=[theirs.fileno()],
                env=environment | {"PYTHONPATH": str(_ROOT)},
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._orders = ours
        return ours

    def run(self, task: Callable[..., Result], *arguments: object, caller: Caller, limits: ChildLimits) -> Result:
        """Return what the task returns, which is run in a child with these arguments. Raises ChildFailed, TaskError.

        The task is a function of a module that the server of children loads. Its arguments are pickled; what it is
        declared to return can be written as JSON.
        """
        with self.admitted(caller):
            connection, theirs = socket.socketpair()
            with connection:
                with theirs, os.fdopen(os.memfd_create("task"), "wb") as file:
                    pickle.dump((task, arguments), file)
                    file.flush()
                    self._send(Order(caller, limits).encode(), [theirs.fileno(), file.fileno()])
                connection.settimeout(limits.wait_seconds + limits.seconds + _SPARE_SECONDS)
                try:
                    kind, content = receive(connection, limits.result_bytes)
                except (EOFError, OSError, ValueError):
                    raise ChildFailed(Reason.LOST) from None
        return _result(task, kind, content)

    @contextmanager
    def admitted(self, caller: Caller) -> Iterator[None]:
        """Refuse a caller with too many tasks, so that threads are left for other requests."""
        with self._lock:
            if not self._bounds.allow(caller):
                raise ChildFailed(Reason.BUSY)
            self._bounds.hold(caller)
        try:
            yield
        finally:
            with self._lock:
                self._bounds.release(caller)

    def _send(self, order: bytes, files: list[int]) -> None:
        with self._lock:
            orders = self._orders or self.start()
            try:
                socket.send_fds(orders, [order], files)
            except TimeoutError:
                raise ChildFailed(Reason.BUSY) from None
            except OSError:
                # It was killed.
                socket.send_fds(self.start(), [order], files)


def _result(task: Callable[..., Result], kind: Kind, content: bytes) -> Result:
    match kind:
        case Kind.RESULT:
            with contextlib.suppress(ValueError):
                return decode_result(task, content)  # type: ignore[no-any-return]
            raise ChildFailed(Reason.LOST)
        case Kind.ERROR:
            log.error("A task failed in its child.", extra={"trace": content.decode(errors="replace")})
            raise TaskError(getattr(task, "__name__", ""))
        case Kind.ENDED:
            log.warning("A child ended with status %s.", content.decode(errors="replace"))
            raise ChildFailed(Reason.TIMEOUT if content == str(-signal.SIGXCPU).encode() else Reason.LOST)
    raise ChildFailed(_REASONS[kind])


_REASONS = {
    Kind.BUSY: Reason.BUSY,
    Kind.OUT_OF_MEMORY: Reason.OUT_OF_MEMORY,
    Kind.TOO_LARGE: Reason.TOO_LARGE,
    Kind.TIMEOUT: Reason.TIMEOUT,
}
children = Children()
