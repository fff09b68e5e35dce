"""A network between a host and its database that can drop packets: nothing arrives, and neither side gets an error."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


class Proxy:
    """Forwards connections to a server while `forwards` is set. Otherwise it drops what it receives."""

    def __init__(self, server: str) -> None:
        parts = urlsplit(server)
        self._target = (parts.hostname or "", parts.port or 0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._ends: list[socket.socket] = []
        self.forwards = True
        #: Once clients have sent these texts in this order, the connection of the last is cut: its answer is lost.
        self.cut_after: list[bytes] = []
        self.stopping = False
        self.url = server.replace(str(self._target[1]), str(self._listener.getsockname()[1]))

    def run(self) -> None:
        while not self.stopping:
            for key, _ in self._selector.select(0.1):
                if key.data is None:
                    self._accept()
                else:
                    self._forward(key.fileobj, key.data)  # type: ignore[arg-type]
        self._selector.close()
        for end in (self._listener, *self._ends):
            end.close()

    def _accept(self) -> None:
        near, _ = self._listener.accept()
        far = socket.create_connection(self._target)
        self._ends += [near, far]
        for source, target in ((near, far), (far, near)):
            self._selector.register(source, selectors.EVENT_READ, target)

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        """Forward some bytes. Dropped bytes are lost, and so is the end of a connection."""
        data = b""
        with suppress(OSError):  # closed, perhaps just now because of data from the other side
            data = source.recv(65536)
        if data and self.forwards:
            with suppress(OSError):
                target.sendall(data)
            if self.cut_after and self.cut_after[0].lower() in data.lower():
                self.cut_after.pop(0)
                if not self.cut_after:
                    # The server's answer comes, and goes no further.
                    target.recv(65536)
                    self._unregister(source)
        elif not data:
            self._unregister(source)
            if self.forwards:
                self._unregister(target)

    def _unregister(self, end: socket.socket) -> None:
        if end.fileno() >= 0 and end.fileno() in self._selector.get_map():
            self._selector.unregister(end)
            if self.forwards:
                end.close()


@contextmanager
def network(server: str) -> Iterator[Proxy]:
    """Run a proxy to the server of this URL."""
    proxy = Proxy(server)
    thread = threading.Thread(target=proxy.run, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.stopping = True
        thread.join()
