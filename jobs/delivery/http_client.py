"""A POST to an address that somebody typed: never into this network unless that is allowed."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from http.client import HTTPException
from urllib.parse import SplitResult, quote, urlsplit

from django.conf import settings

__all__ = ["AddressNotAllowed", "HTTPException", "post"]

#: Seconds to connect, and for one read or write; and for all of it, however slowly the other side speaks.
_STEP_SECONDS, _WHOLE_SECONDS = 10, 25

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressNotAllowed(Exception):
    """The name leads to an address that may not be called."""


def post(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    """The status of the answer. No redirect is followed and no proxy used. Raises Forbidden, OSError, HTTPException.

    A certificate has to be good for the name in `url`, by an authority of the system or of SSL_CERT_FILE: else
    ssl.SSLCertVerificationError.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    secure = parts.scheme == "https"
    address, port = _looked_up(host, parts.port or (443 if secure else 80))
    connection = http.client.HTTPConnection(host, parts.port)
    opened = _connected(address, port, host if secure else None)
    # The time limit of a socket is for each read: who sends a byte a second would be listened to for ever.
    clock = threading.Timer(_WHOLE_SECONDS, _end, [opened])
    clock.daemon = True
    clock.start()
    try:
        if isinstance(opened, ssl.SSLSocket):
            opened.do_handshake()
        connection.sock = opened
        connection.request("POST", _requested(parts), body, dict(headers))
        return connection.getresponse().status
    finally:
        clock.cancel()
        connection.close()
        opened.close()


def _requested(parts: SplitResult) -> str:
    """Path and query. What HTTP can't carry is encoded, as browsers do; what is encoded already stays as it is."""
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return quote(path, safe="%/?:@!$&'()*+,;=[]")


def _looked_up(host: str, port: int) -> tuple[str, int]:
    """One of the name's addresses, and only if all may be called. Connecting to it by number, not by name again, is
    what keeps a name that leads elsewhere the next time from being followed there."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(sockaddr[0]) for *_, sockaddr in found]
    if not all(map(is_allowed_address, addresses)):
        raise AddressNotAllowed(host)
    return addresses[0], port


def is_allowed_address(text: str) -> bool:
    """Whether it is an address of the open internet, or one that REPORTSERVER_WEBHOOK_ALLOW names."""
    address = _plain(ipaddress.ip_address(text.partition("%")[0]))
    if any(address in network for network in settings.WEBHOOK_ALLOW):
        return True
    return address.is_global and not address.is_multicast


def _plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for (mapped, 6to4, NAT64), else itself."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return inner or address
    return address


def _connected(address: str, port: int, name: str | None) -> socket.socket:
    """`name`: for TLS, whose handshake is still to come and will hold the certificate against it."""
    plain = socket.create_connection((address, port), timeout=_STEP_SECONDS)
    if name is None:
        return plain
    try:
        context = ssl.create_default_context()
        return context.wrap_socket(plain, server_hostname=name, do_handshake_on_connect=False)
    except BaseException:
        plain.close()
        raise


def _end(opened: socket.socket) -> None:
    try:
        # Of the plain socket: that of TLS would let what comes after be read as if it was not encrypted.
        socket.socket.shutdown(opened, socket.SHUT_RDWR)
    except OSError:
        return
