"""A proxy that cuts connections, loses answers and changes bytes, as networks do."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import deque
from urllib.parse import urlsplit

_BLOCK = 16_384


class BreakingProxy:
    """Forwards connections to a server. What it does to each one is the next entry of `plan`, or nothing."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (str(parts.hostname), parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        #: A number: cut the connection after so many bytes of the answer. Bytes: answer this, without the server.
        #: "damage": change the last byte of the answer.
        self.plan: deque[int | bytes | str | None] = deque()
        #: The first line of each request, and its Range if it has one.
        self.requests: list[str] = []
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> BreakingProxy:
        self._start(self._accept)
        return self

    def __exit__(self, *error: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _start(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._start(self._serve, self._listener.accept()[0])

    def _serve(self, caller: socket.socket) -> None:
        with caller, contextlib.suppress(OSError):
            request = self._read_request(caller)
            fault = self.plan.popleft() if self.plan else None
            if isinstance(fault, bytes):
                caller.sendall(fault)
                return
            with socket.create_connection(self._target) as server:
                server.sendall(request)
                self._answer(server, caller, fault)

    def _read_request(self, caller: socket.socket) -> bytes:
        """One request: each connection has only one, since its headers ask the server to close it."""
        head, _, body = self._until_head(caller).partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        headers = dict(line.lower().split(b": ", 1) for line in lines[1:])
        while len(body) < int(headers.get(b"content-length", 0)):
            body += caller.recv(_BLOCK)
        wanted = headers.get(b"range")
        self.requests.append(lines[0].decode() + (f" {wanted.decode()}" if wanted else ""))
        kept = [line for line in lines if not line.lower().startswith(b"connection:")]
        return b"\r\n".join([*kept, b"Connection: close"]) + b"\r\n\r\n" + body

    @staticmethod
    def _until_head(caller: socket.socket) -> bytes:
        read = b""
        while b"\r\n\r\n" not in read:
            block = caller.recv(_BLOCK)
            if not block:
                raise ConnectionError
            read += block
        return read

    @staticmethod
    def _answer(server: socket.socket, caller: socket.socket, fault: int | str | None) -> None:
        left = fault if isinstance(fault, int) else None
        held = b""
        while block := server.recv(_BLOCK):
            if fault == "damage":
                held += block
                continue
            caller.sendall(block if left is None else block[:left])
            if left is not None and (left := left - len(block)) <= 0:
                return
        if held:
            caller.sendall(held[:-1] + bytes([held[-1] ^ 1]))
