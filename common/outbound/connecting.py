"""Connections to hosts that users name. They never reach private networks unless an operator allows it.

A host name is resolved once, all its addresses are checked, and the connection goes to a checked address: the name
could resolve to another one the next time.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from common.outbound.public_addresses import is_public, reached_address

#: Seconds to connect, and for each read or write.
STEP_SECONDS = 10


class AddressNotAllowed(Exception):
    """The host name resolves to an address that this server may not call."""


@dataclass(frozen=True)
class AddressRules:
    """Which addresses may be called: those of the public internet, and those in `networks`; or `anywhere`."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    anywhere: bool = False

    def allow(self, text: str) -> bool:
        address = reached_address(ipaddress.ip_address(text.partition("%")[0]))
        return self.anywhere or is_public(address) or any(address in network for network in self.networks)


def connect(host: str, port: int, rules: AddressRules) -> socket.socket:
    """Connect to the host. Raises AddressNotAllowed unless all of its addresses are allowed, and OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(socket_address[0]) for *_, socket_address in found]
    if not all(map(rules.allow, addresses)):
        raise AddressNotAllowed(host)
    return socket.create_connection((addresses[0], port), timeout=STEP_SECONDS)
