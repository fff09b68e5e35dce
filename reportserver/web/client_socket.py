"""A client's socket, on which a thread of the web server never waits for a client that doesn't read."""

from __future__ import annotations

import errno
import logging
import os
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

log = logging.getLogger(__name__)
#: A request or an answer as a whole must come through at this rate, on top of the seconds that a pause may take.
MIN_BYTES_PER_SECOND = 1_024
#: Sent to one client before the others get their turn.
_TURN_BYTES = 8 << 20
#: A response that isn't a file is kept in memory up to this size; then its thread waits for the client.
_MAX_WAITING_BYTES = 1 << 20


class Blocks(Protocol):
    """A body whose blocks are fetched from another server. `held_descriptors` stay open until its last byte is sent."""

    held_descriptors: Sequence[int]

    def next_block(self) -> Future[memoryview] | None:
        """Return the next block, which may still be on its way; None at the end."""
        ...


@dataclass
class BlocksPart:
    """The blocks that have yet to be sent. `block` is the rest of the current one, or None before it is here."""

    blocks: Blocks
    held: list[int]
    awaited: Future[memoryview] | None
    block: memoryview = field(default_factory=lambda: memoryview(b""))

    def close(self) -> None:
        for descriptor in self.held:
            os.close(descriptor)
        self.held = []

    def advance(self) -> bool:
        """Make the next block the current one. False if it isn't here yet, or if there is none."""
        if self.awaited is None or not self.awaited.done():
            return False
        try:
            self.block = self.awaited.result()
        except Exception as error:
            # The status was sent long ago: closing is the only way to tell the client.
            log.warning("A download was interrupted: its file could not be read on. %s", error)
            raise OSError(errno.EPIPE, "The file could not be read on.") from error
        self.awaited = self.blocks.next_block()
        return True


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
        self._waiting: deque[bytes | FilePart | BlocksPart] = deque()
        self._waiting_bytes = 0
        #: Set while a thread answers: it has the whole request, so reading ends as if the client had closed.
        self.is_at_end = False
        #: When a thread began to read the rest of a long body, and how much of it has come; None if none does.
        self._body_since: float | None = None
        self._body_bytes = 0

    @property
    def has_waiting(self) -> bool:
        return bool(self._waiting)

    def call_when_ready(self, callback: Callable[[], None]) -> bool:
        """If the next bytes aren't here yet, call `callback` in another thread once they are. False if they are."""
        part = self._waiting[0] if self._waiting else None
        if not isinstance(part, BlocksPart) or part.block or part.awaited is None or part.awaited.done():
            return False
        part.awaited.add_done_callback(lambda _: callback())
        return True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def recv(self, size: int, flags: int = 0) -> bytes:
        if self.is_at_end:
            return b""
        data = self._connection.recv(size, flags)
        if self._body_since is not None:
            self._body_bytes += len(data)
            if time.monotonic() - self._body_since > self._patience + self._body_bytes / MIN_BYTES_PER_SECOND:
                raise OSError(errno.ETIMEDOUT, "The client sends too slowly.")
        return data

    def begin_body(self) -> None:
        """Let a thread read the rest of a body that is too long to be kept. `recv` fails where the client is slow."""
        self.is_at_end = False
        self._body_since, self._body_bytes = time.monotonic(), 0
        self._connection.settimeout(self._patience)

    def end_body(self) -> None:
        self._body_since = None

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

    def send_blocks(self, blocks: Blocks) -> None:
        """Queue the blocks of a body. They are sent after the caller has closed it."""
        held = [os.dup(descriptor) for descriptor in blocks.held_descriptors]
        self._waiting.append(BlocksPart(blocks, held, blocks.next_block()))

    def send_waiting(self) -> int:
        """Send what the client takes now, and return the number of bytes. Raises OSError if it is gone."""
        total = 0
        while self._waiting and total < _TURN_BYTES:
            part = self._waiting[0]
            sent, is_sent = self._send_part(part)
            total += sent
            if is_sent:
                self._waiting.popleft()
                if not isinstance(part, bytes):
                    part.close()
            elif sent == 0:
                break
        return total

    def close(self) -> None:
        for part in self._waiting:
            if not isinstance(part, bytes):
                part.close()
        self._waiting.clear()
        self._connection.close()

    def _send_now(self, data: bytes | memoryview) -> int:
        try:
            return self._connection.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0

    def _send_part(self, part: bytes | FilePart | BlocksPart) -> tuple[int, bool]:
        """Send what the client takes now of the first part. Return the number of bytes, and whether it was all."""
        if isinstance(part, FilePart):
            sent = self._send_file_now(part)
            return sent, part.count == 0
        if isinstance(part, BlocksPart):
            if not part.block and not part.advance():
                return 0, part.awaited is None
            sent = self._send_now(part.block)
            part.block = part.block[sent:]
            return sent, not part.block and part.awaited is None
        sent = self._send_now(part)
        self._waiting_bytes -= sent
        self._waiting[0] = part[sent:]
        return sent, sent == len(part)

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


class BlockBodies:
    """WSGI middleware that hands a body of blocks to the client's socket as a whole, so that it occupies no thread."""

    def __init__(self, application: WSGIApplication) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        result: Any = self.application(environ, start_response)
        body: Any = getattr(result, "filelike", None)
        client = environ.get("gunicorn.socket")
        if hasattr(body, "next_block") and isinstance(client, ClientSocket):
            return _HandedOver(body, client, result.close)
        return result  # type: ignore[no-any-return]


class _HandedOver:
    """The result of an application whose body the socket has."""

    def __init__(self, body: Blocks, client: ClientSocket, close: Callable[[], None]) -> None:
        self._body = body
        self._client = client
        self.close = close

    def __iter__(self) -> Iterator[bytes]:
        # gunicorn sends the headers before the first bytes, even if there are none.
        yield b""
        self._client.send_blocks(self._body)
