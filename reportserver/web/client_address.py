"""The address that a request comes from. Only trusted proxies can name another one than their own."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any

from django.conf import settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

Address = IPv4Address | IPv6Address
#: Provider networks give each customer at least this much of IPv6, so its addresses count as one.
_IPV6_PREFIX = 64


class ClientAddress:
    """WSGI middleware that sets REMOTE_ADDR to the client's address, and the scheme to the one it used.

    X-Forwarded-For and X-Forwarded-Proto count only if settings.TRUSTED_PROXIES sent them.
    """

    def __init__(self, application: WSGIApplication) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        forwarded = environ.pop("HTTP_X_FORWARDED_FOR", "")
        scheme = environ.pop("HTTP_X_FORWARDED_PROTO", "").rpartition(",")[2].strip().lower()
        peer = parse_address(environ.get("REMOTE_ADDR", ""))
        if peer is not None:
            trusted = is_trusted(peer)
            if scheme in ("http", "https") and (trusted or (settings.BEHIND_PROXY and peer.is_loopback)):
                environ["wsgi.url_scheme"] = scheme
            environ["REMOTE_ADDR"] = str(last_untrusted(peer, forwarded) if trusted else peer)
        return self.application(environ, start_response)


def last_untrusted(peer: Address, forwarded: str) -> Address:
    """The right-most address of X-Forwarded-For that is no trusted proxy's. `peer` is the proxy that sent it.

    What is left of it was sent by somebody untrusted. If all are proxies, or one is no address, it is the one before.
    """
    client = peer
    for entry in reversed(forwarded.split(",")):
        address = parse_address(entry)
        if address is None:
            break
        client = address
        if not is_trusted(address):
            break
    return client


def is_trusted(address: Address) -> bool:
    return any(address in network for network in settings.TRUSTED_PROXIES)


def parse_address(text: str) -> Address | None:
    """The address in an entry of X-Forwarded-For, which may have a port or brackets. None if it is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def counted_network(text: str) -> str:
    """What limits count for an address: an IPv4 address, or the network of an IPv6 address."""
    address = parse_address(text)
    if isinstance(address, IPv6Address):
        return str(ip_network((address, _IPV6_PREFIX), strict=False))
    return str(address or text)
