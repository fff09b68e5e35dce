"""POST requests to URLs that users enter. They never reach private networks unless an operator allows it."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from http.client import HTTPException
from urllib.parse import SplitResult, quote, urlsplit

from django.conf import settings

from jobs.delivery.senders.public_addresses import is_public, reached_address

__all__ = ["AddressNotAllowed", "HTTPException", "post"]

#: Seconds to connect, and for each read or write.
_STEP_SECONDS = 10
#: Seconds for a whole request, however slowly the other side sends.
TOTAL_SECONDS = 25.0


class AddressNotAllowed(Exception):
    """The host name resolves to an address that this server may not call."""


def post(url: str, body: bytes, headers: Mapping[str, str], *, timeout: float = TOTAL_SECONDS) -> int:
    """Return the status code of the response. Redirects aren't followed and proxies aren't used.

    The certificate must be valid for the host in `url`, issued by an authority of the system or of SSL_CERT_FILE.
    Raise AddressNotAllowed, OSError (ssl.SSLCertVerificationError for a bad certificate) or HTTPException.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_https = parts.scheme == "https"
    address = _resolve(host, parts.port or (443 if is_https else 80))
    connection = http.client.HTTPConnection(host, parts.port)
    opened = _connect(address, tls_host=host if is_https else None)
    # A socket's timeout applies to each read. A receiver that sends a byte now and then would block the thread forever.
    timer = threading.Timer(timeout, _shut_down, [opened])
    timer.daemon = True
    timer.start()
    try:
        if isinstance(opened, ssl.SSLSocket):
            opened.do_handshake()
        connection.sock = opened
        connection.request("POST", _request_target(parts), body, dict(headers))
        return connection.getresponse().status
    finally:
        timer.cancel()
        connection.close()
        opened.close()


def is_allowed_address(text: str) -> bool:
    """True for an address of the public internet, and for those in the networks of REPORTSERVER_WEBHOOK_ALLOW."""
    address = reached_address(ipaddress.ip_address(text.partition("%")[0]))
    return is_public(address) or any(address in network for network in settings.WEBHOOK_ALLOW)


def _resolve(host: str, port: int) -> tuple[str, int]:
    """Return one of the host's addresses. Raise AddressNotAllowed unless all of them are allowed.

    The connection goes to this address, not to the name: the name could resolve to another address the next time.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(socket_address[0]) for *_, socket_address in found]
    if not all(map(is_allowed_address, addresses)):
        raise AddressNotAllowed(host)
    return addresses[0], port


def _connect(address: tuple[str, int], *, tls_host: str | None) -> socket.socket:
    """Connect; with `tls_host`, prepare TLS, whose handshake the caller makes, for a certificate of that host."""
    plain = socket.create_connection(address, timeout=_STEP_SECONDS)
    if tls_host is None:
        return plain
    try:
        context = ssl.create_default_context()
        return context.wrap_socket(plain, server_hostname=tls_host, do_handshake_on_connect=False)
    except BaseException:
        plain.close()
        raise


def _request_target(parts: SplitResult) -> str:
    """Return path and query. Characters that HTTP can't carry are encoded, as browsers do; encoded ones stay."""
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return quote(path, safe="%/?:@!$&'()*+,;=[]")


def _shut_down(opened: socket.socket) -> None:
    # The plain socket's method: SSLSocket.shutdown would drop TLS, so that what follows is read as plain text.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(opened, socket.SHUT_RDWR)
