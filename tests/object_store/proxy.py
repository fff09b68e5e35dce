"""An HTTP proxy in front of an object store that answers for it, delays requests, or cuts them off."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_HOP = ("connection", "keep-alive", "transfer-encoding", "content-length")


@dataclass
class Fault:
    """What happens to a request instead. Without `status`, it is only delayed; with 0, its connection is closed."""

    status: int | None = None
    code: str = ""
    seconds: float = 0
    #: Whether a request that this method and path belong to is affected.
    concerns: Callable[[str, str], bool] = lambda method, path: True
    #: How many requests are affected.
    times: float = float("inf")
    #: Whether the store gets the request nevertheless: only its answer is lost.
    after: bool = False


@dataclass
class StoreProxy:
    target: str
    fault: Fault | None = None
    #: Method and path of each request.
    seen: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    @contextmanager
    def failing(self, fault: Fault) -> Iterator[Fault]:
        self.fault = fault
        try:
            yield fault
        finally:
            self.fault = None

    def take(self, method: str, path: str) -> Fault | None:
        self.seen.append((method, path))
        fault = self.fault
        if fault is None or fault.times <= 0 or not fault.concerns(method, path):
            return None
        fault.times -= 1
        return fault


@contextmanager
def store_proxy(target: str) -> Iterator[StoreProxy]:
    proxy = StoreProxy(target)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": proxy}))
    server.daemon_threads = True
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: StoreProxy

    def handle_one(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.proxy.take(self.command, self.path)
        if fault:
            time.sleep(fault.seconds)
        if fault and fault.status is not None and not fault.after:
            self._refuse(fault)
            return
        upstream = http.client.HTTPConnection(urlsplit(self.proxy.target).netloc, timeout=60)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() != "connection":
                    upstream.putheader(name, value)
            upstream.endheaders(body)
            answer = upstream.getresponse()
            data = answer.read()
            if fault and fault.after:
                self._refuse(fault)
                return
            self._answer(answer.status, [(k, v) for k, v in answer.getheaders() if k.lower() not in _HOP], data, answer)
        finally:
            upstream.close()

    def _refuse(self, fault: Fault) -> None:
        if fault.status == 0:
            self.close_connection = True
            return
        xml = (
            f"<Error><Code>{fault.code}</Code><Message>no</Message><AWSAccessKeyId>x</AWSAccessKeyId></Error>".encode()
        )
        self._answer(fault.status or 500, [("Content-Type", "application/xml")], xml)

    def _answer(self, status, headers, data: bytes, answer=None) -> None:  # type: ignore[no-untyped-def]
        is_head = self.command == "HEAD"
        length = answer.getheader("Content-Length") if answer is not None and is_head else str(len(data))
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("Content-Length", length or "0")
        self.end_headers()
        if not is_head:
            self.wfile.write(data)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_one  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""
