"""A gunicorn worker on which slow and stalled clients occupy no thread.

The main loop receives requests and passes only complete ones to a thread. A thread writes what the client takes at
once; the sender sends the rest. Without this, as many slow clients as there are threads keep everybody waiting, and
a proxy that buffers would have to stand in front.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import re
import resource
import selectors
import socket
import time
from concurrent.futures import Future
from functools import partial
from typing import Any

from django.conf import settings
from gunicorn.http.errors import LimitRequestHeaders
from gunicorn.workers.gthread import TConn, ThreadWorker

from reportserver.web.client_socket import MIN_BYTES_PER_SECOND, ClientSocket
from reportserver.web.protocol_errors import response_to
from reportserver.web.request_buffer import RequestBuffer
from reportserver.web.sender import Sender

log = logging.getLogger(__name__)
_RECEIVE_BYTES = 65_536
_MAX_HEADER_BYTES = 65_536
#: All requests that are being received together.
_MAX_RECEIVED_BYTES = 64 << 20
#: Time for the client to read the end of an answer before the connection is closed (RFC 9112, section 9.6).
_LINGER_SECONDS = 2.0
#: Requests whose body may be longer than others'.
_TAKES_FILES = re.compile(rb"POST (/api/v1)?/sources/[^/ ]+/(files|upload)[ ?]")


class Connection(TConn):  # type: ignore[misc]
    """A client's connection, with the request that is being received."""

    def __init__(self, config: Any, sock: ClientSocket, client: Any, server: Any) -> None:
        super().__init__(config, sock, client, server)
        self.expect_request()

    def expect_request(self) -> None:
        self.request = RequestBuffer(
            max_header_bytes=_MAX_HEADER_BYTES, max_body_bytes=settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        )
        self.started_at = self.progress_at = time.monotonic()
        #: The connection is only read to its end before it is closed.
        self.is_lingering = False

    def is_stalled(self, now: float) -> bool:
        if self.is_lingering:
            return now - self.started_at > _LINGER_SECONDS
        patience = settings.SOCKET_SECONDS
        too_slow = now - self.started_at > patience + len(self.request) / MIN_BYTES_PER_SECOND
        return too_slow or now - self.progress_at > patience


class BufferingWorker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's worker with threads; its main loop receives requests, and its sender sends long answers."""

    def init_process(self) -> None:
        self.receiving: set[Connection] = set()
        self.received_bytes = 0
        self.sender = Sender(settings.SOCKET_SECONDS)
        # Each connection takes one descriptor, each download two more.
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8 * self.worker_connections)), hard))
        super().init_process()

    # ---- receiving

    def accept(self, listener: socket.socket) -> None:
        try:
            sock, address = listener.accept()
        except OSError as error:
            # An error that leaves this method ends the process, and all requests with it.
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._close_slowest()
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED):
                log.warning("A connection could not be accepted: %s", error)
            return
        self.nr_conns += 1
        client = ClientSocket(sock, settings.SOCKET_SECONDS)
        conn = Connection(self.cfg, client, address, listener.getsockname())
        self._receive(conn)
        if self.nr_conns >= self.worker_connections:
            self._close_slowest()

    def on_client_socket_readable(self, conn: Connection, client: Any) -> None:
        """A kept-alive connection begins its next request."""
        if conn not in self.keepalived_conns:
            return  # Closed by another event of the same round.
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        conn.expect_request()
        self._receive(conn)
        self._on_readable(conn, client)

    def _receive(self, conn: Connection) -> None:
        conn.sock.setblocking(False)
        conn.sock.is_at_end = False
        conn.sock.end_body()
        self.receiving.add(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._on_readable, conn))

    def _stop_receiving(self, conn: Connection) -> None:
        self.poller.unregister(conn.sock)
        self.receiving.discard(conn)
        self.received_bytes -= len(conn.request)

    def _on_readable(self, conn: Connection, client: Any) -> None:
        if conn not in self.receiving:
            return  # Closed by another event of the same round.
        try:
            data = conn.sock.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            conn.request.end()
            # A client that sends no more may still read why its request is incomplete.
            if conn.request.is_complete and not conn.is_lingering:
                self._pass_on(conn)
            else:
                self._drop(conn)
        elif not conn.is_lingering:
            self._feed(conn, data)

    def _feed(self, conn: Connection, data: bytes) -> None:
        conn.progress_at = time.monotonic()
        before, expected = len(conn.request), conn.request.expects_continue
        conn.request.feed(data)
        self.received_bytes += len(conn.request) - before
        if conn.request.is_header_too_long:
            self._refuse(conn, LimitRequestHeaders("limit request headers fields size"))
        elif conn.request.is_complete:
            self._pass_on(conn)
        elif conn.request.expects_continue and not expected:
            try:
                conn.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            except OSError:
                self._drop(conn)
        if self.received_bytes > _MAX_RECEIVED_BYTES:
            self._drop(max(self.receiving, key=lambda other: len(other.request)))

    def _pass_on(self, conn: Connection) -> None:
        """Let a thread answer the request, which gunicorn's parser finds as if it had read it from the socket."""
        self._stop_receiving(conn)
        # Should gunicorn's parser expect more than the buffer did, its thread must not wait for it.
        conn.sock.is_at_end = True
        conn.init()
        data = conn.request.take()
        conn.parser.unreader.unread(data)
        if conn.request.is_cut_short and _TAKES_FILES.match(data):
            # Only after it has signed the caller in, the application reads on: see upload_limit.
            conn.sock.begin_body()
        self.enqueue_req(conn)

    # ---- after the answer

    def _keepalive_after(self, conn: Connection, keepalive: bool) -> bool:
        # What is left of a body that was cut short would be taken for the next request.
        return bool(super()._keepalive_after(conn, keepalive and not conn.request.is_cut_short))

    def finish_request(self, conn: Connection, future: Future[Any]) -> None:
        """A thread has answered. Called in the main loop."""
        keep = not future.cancelled() and future.exception() is None and bool(future.result())
        conn.sock.setblocking(False)
        if conn.sock.has_waiting:
            self.sender.send(conn.sock, partial(self.method_queue.defer, self._after_answer, conn, keep))
        else:
            self._after_answer(conn, keep, True)

    def _after_answer(self, conn: Connection, keep: bool, complete: bool) -> None:
        surplus = conn.parser.unreader.take_buffered() if keep and complete else b""
        if surplus:
            conn.expect_request()
            self._receive(conn)
            self._feed(conn, surplus)
        elif keep and complete:
            conn.set_timeout()
            self.keepalived_conns.append(conn)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_client_socket_readable, conn))
        elif complete:
            self._linger(conn)
        else:
            self._close(conn)

    def _linger(self, conn: Connection) -> None:
        """Close the connection once the client has read the answer.

        Closed at once, with unread bytes of the client, the kernel would reset it and the client might lose the answer.
        """
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(conn)
            return
        conn.expect_request()
        conn.is_lingering = True
        self._receive(conn)

    def _refuse(self, conn: Connection, error: Exception) -> None:
        self._stop_receiving(conn)
        conn.request = RequestBuffer(max_header_bytes=0, max_body_bytes=0)
        self.handle_error(None, conn.sock, conn.client, error)
        self._linger(conn)

    def _drop(self, conn: Connection) -> None:
        self._stop_receiving(conn)
        self._close(conn)

    def _close(self, conn: Connection) -> None:
        self.nr_conns -= 1
        conn.close()

    def handle_error(self, request: Any, client: ClientSocket, address: Any, error: Exception) -> None:
        """Answer a request that never reached Django with the contract's error body."""
        with contextlib.suppress(OSError):
            client.sendall(response_to(error))

    # ---- deadlines

    def murder_pending(self) -> None:
        """Close connections whose request makes no progress. gunicorn calls this at least once a second."""
        now = time.monotonic()
        for conn in [conn for conn in self.receiving if conn.is_stalled(now)]:
            self._drop(conn)

    def _close_slowest(self) -> None:
        """Make room for a client when all connections are taken."""
        if self.keepalived_conns:
            conn = self.keepalived_conns.popleft()
            self.poller.unregister(conn.sock)
            self._close(conn)
        elif self.receiving:
            self._drop(min(self.receiving, key=lambda conn: conn.progress_at))

    def _cap_keepalive(self, deadline: float) -> None:
        super()._cap_keepalive(deadline)
        # A stopping server doesn't wait for requests that are only half here.
        for conn in self.receiving:
            conn.started_at = min(conn.started_at, deadline - settings.SOCKET_SECONDS)
