"""HTTP requests to URLs that users enter."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from http.client import HTTPException
from typing import BinaryIO, NamedTuple
from urllib.parse import SplitResult, quote, urlsplit

from common.outbound.connecting import AddressNotAllowed, AddressRules, connect

__all__ = ["AddressNotAllowed", "HTTPException", "Response", "post", "request"]

#: Seconds for a whole request, however slowly the other side sends.
TOTAL_SECONDS = 25.0
#: Of a response's body, what is read of it.
_READ_BYTES = 4096


class Response(NamedTuple):
    """A status code, headers with names in lower case, and the start of the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def post(
    url: str, body: bytes, headers: Mapping[str, str], rules: AddressRules, *, timeout: float = TOTAL_SECONDS
) -> int:
    """Return the status code of the response to a POST. Raises as `request`."""
    return request("POST", url, body, headers, rules, timeout=timeout).status


def request(
    method: str,
    url: str,
    body: bytes | BinaryIO | None,
    headers: Mapping[str, str],
    rules: AddressRules,
    *,
    timeout: float = TOTAL_SECONDS,
    max_body: int | None = None,
) -> Response:
    """Send a request and return the response. Redirects aren't followed and proxies aren't used.

    At most `max_body` bytes of the body are read; by default a few, and none of a success.
    The certificate must be valid for the host in `url`, issued by an authority of the system or of SSL_CERT_FILE.
    Raise AddressNotAllowed, OSError (ssl.SSLCertVerificationError for a bad certificate) or HTTPException.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_https = parts.scheme == "https"
    connection = http.client.HTTPConnection(host, parts.port)
    opened = _connect(host, parts.port or (443 if is_https else 80), rules, is_https=is_https)
    # A socket's timeout applies to each read. A receiver that sends a byte now and then would block the thread forever.
    timer = threading.Timer(timeout, _shut_down, [opened])
    timer.daemon = True
    timer.start()
    try:
        if isinstance(opened, ssl.SSLSocket):
            opened.do_handshake()
        connection.sock = opened
        connection.request(method, _request_target(parts), body, dict(headers))
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        if max_body is None:
            max_body = _READ_BYTES if answer.status >= 300 else 0
        return Response(answer.status, found, answer.read(max_body) if max_body else b"")
    finally:
        timer.cancel()
        connection.close()
        opened.close()


def _connect(host: str, port: int, rules: AddressRules, *, is_https: bool) -> socket.socket:
    """Connect; for https, prepare TLS, whose handshake the caller makes, for a certificate of that host."""
    plain = connect(host, port, rules)
    if not is_https:
        return plain
    try:
        context = ssl.create_default_context()
        return context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
    except BaseException:
        plain.close()
        raise


def _request_target(parts: SplitResult) -> str:
    """Return path and query. Characters that HTTP can't carry are encoded, as browsers do; encoded ones stay."""
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return quote(path, safe="%/?:@!$&'()*+,;=[]~")


def _shut_down(opened: socket.socket) -> None:
    # The plain socket's method: SSLSocket.shutdown would drop TLS, so that what follows is read as plain text.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(opened, socket.SHUT_RDWR)
