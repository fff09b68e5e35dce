"""The standard output and error of a child: forwarded to the log, with the end kept for Administrators."""

from __future__ import annotations

import contextlib
import os

#: Bytes of output that are kept for Administrators in case the job fails.
_KEPT_BYTES = 8_000
#: Bytes of one job's output that go to the log, so that no report can fill the disk with it.
_LOGGED_BYTES = 1_048_576
_OMITTED = b"\n[The rest of this job's output is not logged.]\n"
#: Bytes of an unfinished line that are held back. A longer line is forwarded in pieces.
_MAX_LINE_BYTES = 65_536


def redirect_output(pipe: int) -> None:
    """Make this pipe the standard output and error of the current process."""
    for standard in (1, 2):
        os.dup2(pipe, standard)
    os.close(pipe)


class OutputPipe:
    """The pipe from a child's standard output and error, as its worker sees it. The child gets `write_end`."""

    def __init__(self) -> None:
        self._read_end, self.write_end = os.pipe()
        self._tail = self._line = b""
        self._loggable = _LOGGED_BYTES
        self.at_end = False

    def fileno(self) -> int:
        return self._read_end

    def start_reading(self) -> None:
        """Close the write end in this process, once the child has it: otherwise the pipe would never be at its end."""
        os.close(self.write_end)
        os.set_blocking(self._read_end, False)

    def discard(self) -> None:
        """Close both ends: there is no child to read from."""
        os.close(self._read_end)
        os.close(self.write_end)

    def forward(self) -> bool:
        """Forward what can be read now to this process's standard error. False if there was nothing."""
        try:
            data = os.read(self._read_end, 65536)
        except BlockingIOError:
            return False
        if not data:
            self.at_end = True
            return False
        self._tail = (self._tail + data)[-_KEPT_BYTES:]
        # Whole lines only, unless one is very long: other processes write to the same log.
        lines, newline, self._line = (self._line + data).rpartition(b"\n")
        if len(self._line) > _MAX_LINE_BYTES:
            lines, newline, self._line = lines + newline + self._line, b"", b""
        self._write_to_log(lines + newline)
        return True

    def close(self) -> None:
        """Forward the rest."""
        while self.forward():
            pass
        if self._line:
            self._write_to_log(self._line + b"\n")
        os.close(self._read_end)

    def _write_to_log(self, data: bytes) -> None:
        logged, omitted = data[: self._loggable], data[self._loggable :]
        if omitted and self._loggable:
            logged += _OMITTED
        self._loggable -= min(len(data), self._loggable)
        with contextlib.suppress(OSError):
            os.write(2, logged)

    @property
    def tail(self) -> str:
        """The last lines, for Administrators."""
        return self._tail.decode(errors="replace").strip()
