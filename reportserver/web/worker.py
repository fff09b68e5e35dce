"""gunicorn's worker with threads, whose own errors are answered and logged like Django's."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from reportserver.web.protocol_errors import response_to

#: Bytes of a refused request that are read, but not used.
_MAX_UNREAD_BYTES = 1_048_576


class Worker(ThreadWorker):  # type: ignore[misc]
    def handle_error(self, request: Any, client: socket.socket, address: Any, error: Exception) -> None:
        with contextlib.suppress(OSError):
            client.setblocking(False)
            client.send(response_to(error))
            client.shutdown(socket.SHUT_WR)
            # Closing a connection with unread bytes resets it, and the client may lose the response.
            unread = 0
            while unread < _MAX_UNREAD_BYTES and (data := client.recv(65_536)):
                unread += len(data)
