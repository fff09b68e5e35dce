"""What a job's process writes to its standard output and error: passed on to the log, and its end kept."""

from __future__ import annotations

import contextlib
import os

#: Bytes of the output that are kept for Administrators when a job fails.
_KEPT = 8_000
#: Bytes of a line that are held back until it ends.
_LONGEST_LINE = 65_536


def speak(pipe: int) -> None:
    """In the child: let its standard output and error be this pipe."""
    for standard in (1, 2):
        os.dup2(pipe, standard)
    os.close(pipe)


class Output:
    """A pipe from a child, which is given `write`. `open` is what to wait for: this, or nothing after the end."""

    def __init__(self) -> None:
        self._read, self.write = os.pipe()
        self._tail = self._line = b""
        self.open: list[Output] = [self]

    def fileno(self) -> int:
        return self._read

    def hear(self) -> None:
        """Once the child has it: only read."""
        os.close(self.write)
        os.set_blocking(self._read, False)

    def take(self) -> bool:
        """Take in what is there and pass it on. False when there was nothing."""
        heard = b""
        with contextlib.suppress(BlockingIOError):
            heard = os.read(self._read, 65536)
            if not heard:
                self.open.clear()
        if heard:
            self._tail = (self._tail + heard)[-_KEPT:]
            self._pass_on(heard)
        return bool(heard)

    def close(self) -> None:
        while self.take():
            pass
        self._pass_on(b"\n" if self._line else b"")
        os.close(self._read)

    def _pass_on(self, heard: bytes) -> None:
        """Line by line, unless one is very long: other processes write to the same log."""
        lines, end, self._line = (self._line + heard).rpartition(b"\n")
        if len(self._line) > _LONGEST_LINE:
            lines, end, self._line = lines + end + self._line, b"", b""
        with contextlib.suppress(OSError):
            os.write(2, lines + end)

    @property
    def tail(self) -> str:
        """The last lines, for Administrators."""
        return self._tail.decode(errors="replace").strip()
