"""A client's socket, on which a thread of the web server never waits for a client that doesn't read."""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from collections import deque
from dataclasses import dataclass
from typing import Any, BinaryIO

#: A request or an answer as a whole must come through at this rate, on top of the seconds that a pause may take.
MIN_BYTES_PER_SECOND = 1_024
#: Sent to one client before the others get their turn.
_TURN_BYTES = 8 << 20
#: A response that isn't a file is kept in memory up to this size; then its thread waits for the client.
_MAX_WAITING_BYTES = 1 << 20


@dataclass
class FilePart:
    """The bytes of a file that have yet to be sent. `held` are descriptors that stay open until then."""

    descriptor: int
    offset: int
    count: int
    held: list[int]

    def close(self) -> None:
        for descriptor in [self.descriptor, *self.held]:
            os.close(descriptor)
        self.held = []


class ClientSocket:
    """Offers what gunicorn uses of a socket. What the client doesn't take at once waits until `send_waiting`.

    Raises OSError(EPIPE) like a closed connection where a client makes no progress for `patience` seconds.
    """

    def __init__(self, connection: socket.socket, patience: float) -> None:
        self._connection = connection
        self._patience = patience
        self._waiting: deque[bytes | FilePart] = deque()
        self._waiting_bytes = 0
        #: Set while a thread answers: it has the whole request, so reading ends as if the client had closed.
        self.is_at_end = False

    @property
    def has_waiting(self) -> bool:
        return bool(self._waiting)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def recv(self, size: int, flags: int = 0) -> bytes:
        return b"" if self.is_at_end else self._connection.recv(size, flags)

    def sendall(self, data: bytes | bytearray | memoryview) -> None:
        rest = bytes(data)
        if not self._waiting:
            rest = rest[self._send_now(rest) :]
        if rest:
            self._waiting.append(rest)
            self._waiting_bytes += len(rest)
        started_at, sent = time.monotonic(), 0
        while self._waiting_bytes > _MAX_WAITING_BYTES:
            self._wait_until_writable()
            sent += self.send_waiting()
            if time.monotonic() - started_at > self._patience + sent / MIN_BYTES_PER_SECOND:
                raise OSError(errno.EPIPE, "The client reads too slowly.")

    def send(self, data: bytes | bytearray | memoryview) -> int:
        self.sendall(data)
        return len(data)

    def sendfile(self, file: BinaryIO, offset: int = 0, count: int | None = None) -> int:
        """Queue this part of the file. It is sent after the caller has closed the file."""
        length = os.fstat(file.fileno()).st_size - offset if count is None else count
        held = [os.dup(descriptor) for descriptor in getattr(file, "held_descriptors", ())]
        self._waiting.append(FilePart(os.dup(file.fileno()), offset, length, held))
        return length

    def send_waiting(self) -> int:
        """Send what the client takes now, and return the number of bytes. Raises OSError if it is gone."""
        total = 0
        while self._waiting and total < _TURN_BYTES:
            part = self._waiting[0]
            sent = self._send_file_now(part) if isinstance(part, FilePart) else self._send_now(part)
            total += sent
            if isinstance(part, FilePart):
                is_sent = part.count == 0
                if is_sent:
                    part.close()
            else:
                is_sent = sent == len(part)
                self._waiting_bytes -= sent
                self._waiting[0] = part[sent:]
            if is_sent:
                self._waiting.popleft()
            elif sent == 0:
                break
        return total

    def close(self) -> None:
        for part in self._waiting:
            if isinstance(part, FilePart):
                part.close()
        self._waiting.clear()
        self._connection.close()

    def _send_now(self, data: bytes) -> int:
        try:
            return self._connection.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0

    def _send_file_now(self, part: FilePart) -> int:
        try:
            sent = os.sendfile(self.fileno(), part.descriptor, part.offset, min(part.count, _TURN_BYTES))
        except BlockingIOError:
            return 0
        if sent == 0 and part.count:
            # The file is shorter than announced: closing is the only way to tell the client.
            raise OSError(errno.EPIPE, "The file is shorter than its Content-Length.")
        part.offset += sent
        part.count -= sent
        return sent

    def _wait_until_writable(self) -> None:
        # Not select.select, which refuses descriptors above 1,023.
        poll = select.poll()
        poll.register(self.fileno(), select.POLLOUT)
        if not poll.poll(self._patience * 1000):
            raise OSError(errno.EPIPE, "The client doesn't read.")
