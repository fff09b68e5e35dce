"""Which PostgreSQL servers a data source may lead to that no definitions file has set.

A URL without a host or password would use the report server's own rights: those of its system account on a socket, and
those of its password file, which libpq reads only without a password. The server's own database is refused under
whatever name its host is given.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from reports.exceptions import SourceUnusable

_FORM = "Must be like postgresql://user:password@host:5432/database, unless a definitions file has set it."
_OWN = "This is the report server's own database."
_HOST = r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
#: Stricter than libpq, which takes an encoded path as a socket's folder and ends the password at the first @.
_NETLOC = re.compile(rf"[^:@]+:[^:@]+@({_HOST}(?:,{_HOST})*)")


@dataclass(frozen=True)
class OwnDatabase:
    """A database of the report server. `host` is "" or a folder for a socket on this host."""

    host: str
    port: str
    name: str


@dataclass(frozen=True)
class ServerRules:
    """`own` are the databases of the report server, which are refused."""

    own: tuple[OwnDatabase, ...] = ()

    def error(self, url: str) -> str | None:
        """Why this URL must not be used, in a sentence that doesn't quote it; None if it may."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return _FORM
        found, database = _NETLOC.fullmatch(parts.netloc), unquote(parts.path[1:])
        if not found or not database:
            return _FORM
        return _OWN if any(self._is_own(host, database) for host in found[1].split(",")) else None

    def check(self, *urls: str | Path) -> None:
        """Raise SourceUnusable if one of these URLs must not be used. Takes what LocationRules take."""
        for url in urls:
            if sentence := self.error(str(url)):
                raise SourceUnusable(f"The data source's URL is not allowed. {sentence}")

    def _is_own(self, host: str, database: str) -> bool:
        name, port = _split(host)
        # Without a port, libpq takes one from its environment.
        own = [each for each in self.own if each.name == database and port in ("", each.port)]
        return bool(own) and any(_addresses(name) & _addresses(each.host) for each in own)


def _split(host: str) -> tuple[str, str]:
    if host.startswith("["):
        name, _, port = host[1:].partition("]")
        return name, port.removeprefix(":")
    name, _, port = host.partition(":")
    return name, port


def _addresses(host: str) -> set[str]:
    """The host's addresses; "" for this host, whichever of its addresses is meant. A name that is unknown has none."""
    if not host or host.startswith(("/", "@")):
        return {""}
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return set()
    return {"" if _is_this_host(address) else address for address in found}


def _is_this_host(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if ip.is_loopback or ip.is_unspecified:
        return True
    # Only an address of this host can be bound.
    try:
        with socket.socket(socket.AF_INET if ip.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind((str(ip), 0))
    except OSError:
        return False
    return True
