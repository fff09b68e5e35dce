"""A running child, as its worker sees it."""

from __future__ import annotations

import os
import select
import signal
from contextlib import ExitStack

from common.processes import become_subreaper, kill_children, signal_group, wait_readable
from jobs.execution.child_output import OutputPipe
from jobs.execution.fork_server import ForkServer
from jobs.execution.protocol import Assignment, Progress, Result, parse
from jobs.failures import Failure, of_host

#: Seconds that a child may take to end once it has sent everything.
_EXIT_SECONDS = 5
_NOT_STARTED = of_host("The process that runs the report could not be started.")


class ChildHandle:
    """A child, and the pipes to it. `end` must be called."""

    def __init__(self, assignment: Assignment, server: ForkServer) -> None:
        self.progress = Progress()
        self.result: Result | None = None
        self.output = OutputPipe()
        self._failure: Failure | None = None
        self._unparsed = b""
        self._server = server
        with ExitStack() as opened:
            opened.callback(self.output.discard)
            self._pipe, write_end = os.pipe()
            opened.callback(os.close, self._pipe)
            opened.callback(os.close, write_end)
            # Processes that the child starts and leaves behind become this process's children, in whatever session
            # they are, so that it can kill them.
            become_subreaper()
            self.pid = server.fork(assignment, (write_end, self.output.write_end))
            # Without a descriptor for it, the child can't be watched.
            opened.callback(server.end)
            self._pidfd = None if self.pid is None else os.pidfd_open(self.pid)
            opened.pop_all()
        os.close(write_end)
        self.output.start_reading()

    def receive(self, seconds: float) -> bool:
        """Wait for messages and output for at most this long, and process them. False once everything was received."""
        if self._pidfd is None:
            return False
        sources: list[int | OutputPipe] = [self._pipe, self._pidfd]
        if not self.output.at_end:
            sources.append(self.output)
        ready, _, _ = select.select(sources, [], [], seconds)
        if self.output in ready:
            self.output.forward()
        if self._pipe not in ready:
            # A child that has ended without closing the pipe left behind a process that holds it open. The child may
            # still have sent something after select looked at the pipe.
            return self._pidfd not in ready or wait_readable(self._pipe, 0)
        data = os.read(self._pipe, 65536)
        *lines, self._unparsed = (self._unparsed + data).split(b"\n")
        for line in lines:
            match parse(line):
                case Progress() as progress:
                    self.progress = progress
                case Result() as result:
                    self.result = result
                case failure:
                    self._failure = failure
        return bool(data)

    def end(self, *, kill: bool) -> Failure:
        """Wait for the child to end, and kill what it left behind. Kill its whole group if `kill`, or if it takes long.

        Return why there is no result, if there is none: what the child sent, or else how it ended.
        """
        status = self._reap(kill=kill)
        kill_children(but=[self._server.pid])
        self.output.close()
        os.close(self._pipe)
        if self._failure:
            return self._failure
        if self.pid is None:
            return _NOT_STARTED
        how = "no exit status"
        if status is not None:
            how = f"signal {-status}" if status < 0 else f"exit status {status}"
        message = f"The process that ran the report ended unexpectedly ({how})."
        return Failure("worker_lost", message, retryable=True)

    def _reap(self, *, kill: bool) -> int | None:
        """Return the exit status, or None if it can't be known. Only then may another process get the child's id."""
        if self.pid is None or self._pidfd is None:
            return None
        if kill or not wait_readable(self._pidfd, _EXIT_SECONDS):
            signal_group(self.pid, signal.SIGKILL)
        has_ended = wait_readable(self._pidfd, _EXIT_SECONDS)
        os.close(self._pidfd)
        if not has_ended:
            # The fork server would wait for it forever.
            self._server.end()
            return None
        # Other processes of the group may still run.
        signal_group(self.pid, signal.SIGKILL)
        return self._server.reap()
