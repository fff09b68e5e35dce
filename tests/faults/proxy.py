"""A network between a host and its database that can swallow packets: nothing arrives any more, and nobody is told."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


class Proxy:
    """Forwards connections to a server while `forwards`; otherwise takes what comes, and answers nothing."""

    def __init__(self, server: str) -> None:
        parts = urlsplit(server)
        self._target = (parts.hostname or "", parts.port or 0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._ends: list[socket.socket] = []
        self.forwards = True
        self.ends = False
        self.url = server.replace(str(self._target[1]), str(self._listener.getsockname()[1]))

    def run(self) -> None:
        while not self.ends:
            for key, _ in self._selector.select(0.1):
                if key.data is None:
                    self._accept()
                else:
                    self._carry(key.fileobj, key.data)  # type: ignore[arg-type]
        self._selector.close()
        for end in (self._listener, *self._ends):
            end.close()

    def _accept(self) -> None:
        near, _ = self._listener.accept()
        far = socket.create_connection(self._target)
        self._ends += [near, far]
        for one, other in ((near, far), (far, near)):
            self._selector.register(one, selectors.EVENT_READ, other)

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        """Take some bytes along. What is swallowed is gone, and so is the end of a connection."""
        heard = b""
        with suppress(OSError):  # closed, perhaps just now by what came from the other side
            heard = source.recv(65536)
        if heard and self.forwards:
            with suppress(OSError):
                target.sendall(heard)
        elif not heard:
            self._forget(source)
            if self.forwards:
                self._forget(target)

    def _forget(self, end: socket.socket) -> None:
        if end.fileno() >= 0 and end.fileno() in self._selector.get_map():
            self._selector.unregister(end)
            if self.forwards:
                end.close()


@contextmanager
def network(server: str) -> Iterator[Proxy]:
    """A network to the server of that URL."""
    proxy = Proxy(server)
    thread = threading.Thread(target=proxy.run, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.ends = True
        thread.join()
