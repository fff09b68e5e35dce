"""Sends what clients don't take at once, in one thread for all of them."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from reportserver.web.client_socket import MIN_BYTES_PER_SECOND, ClientSocket

_CHECK_SECONDS = 1.0


@dataclass
class _Sending:
    client: ClientSocket
    #: Called with False if the client is gone or made no progress.
    done: Callable[[bool], None]
    started_at: float = field(default_factory=time.monotonic)
    progress_at: float = field(default_factory=time.monotonic)
    sent: int = 0

    def is_stalled(self, now: float, patience: float) -> bool:
        too_slow = now - self.started_at > patience + self.sent / MIN_BYTES_PER_SECOND
        return too_slow or now - self.progress_at > patience


class Sender:
    """A thread that sends files and other long responses as fast as each client reads.

    A disk that is slow delays other downloads, but no request.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._new: SimpleQueue[_Sending] = SimpleQueue()
        self._selector = selectors.DefaultSelector()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self._wake_writer.setblocking(False)
        self._selector.register(self._wake_reader, selectors.EVENT_READ, None)
        threading.Thread(target=self._run, name="sender", daemon=True).start()

    def send(self, client: ClientSocket, done: Callable[[bool], None]) -> None:
        """Send all that waits in `client`, whose socket doesn't block, then call `done` in the sender's thread."""
        self._put(_Sending(client, done))

    def _put(self, sending: _Sending) -> None:
        self._new.put(sending)
        # If the socket is full, the thread has been woken already.
        with contextlib.suppress(BlockingIOError):
            self._wake_writer.send(b"\0")

    def _run(self) -> None:
        checked_at = time.monotonic()
        while True:
            for key, _ in self._selector.select(_CHECK_SECONDS):
                if key.data is None:
                    self._accept_new()
                else:
                    self._continue(key.data)
            if time.monotonic() - checked_at >= _CHECK_SECONDS:
                checked_at = time.monotonic()
                self._end_stalled(checked_at)

    def _accept_new(self) -> None:
        self._wake_reader.recv(4096)
        while True:
            try:
                sending = self._new.get_nowait()
            except Empty:
                return
            # It may have waited for its next bytes, which is not the client's fault.
            sending.progress_at = time.monotonic()
            self._selector.register(sending.client.fileno(), selectors.EVENT_WRITE, sending)

    def _continue(self, sending: _Sending) -> None:
        try:
            if sent := sending.client.send_waiting():
                sending.sent += sent
                sending.progress_at = time.monotonic()
        except OSError:
            self._end(sending, False)
        else:
            if not sending.client.has_waiting:
                self._end(sending, True)
            elif sending.client.call_when_ready(lambda: self._put(sending)):
                # A socket that could take bytes which aren't here would wake this thread again and again.
                self._selector.unregister(sending.client.fileno())

    def _end_stalled(self, now: float) -> None:
        for key in list(self._selector.get_map().values()):
            if key.data is not None and key.data.is_stalled(now, self._patience):
                self._end(key.data, False)

    def _end(self, sending: _Sending, complete: bool) -> None:
        self._selector.unregister(sending.client.fileno())
        sending.done(complete)
