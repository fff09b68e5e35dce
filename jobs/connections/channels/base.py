"""What all channels share: the ways to reach what connections lead to. They use neither Django nor the database."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException

from common.outbound.connecting import AddressNotAllowed, AddressRules

#: The slowest speed at which a file is sent to the end.
_BYTES_PER_SECOND = 50_000
_NOT_ALLOWED = "This server is not allowed to call the connection's address."


class ChannelError(Exception):
    """Something could not be reached or refused. The message is a sentence without addresses and secrets.

    `permanent`: another attempt would fail too.
    """

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.permanent = permanent


class FileExists(ChannelError):
    """A file of another origin already has the name."""

    def __init__(self) -> None:
        super().__init__("The connection already has a file of this name.", permanent=True)


@dataclass(frozen=True)
class Access:
    """Where a connection leads to, and its secrets. `host_key`: of the only SSH server to talk to, or ""."""

    url: str = field(repr=False)
    rules: AddressRules
    private_key: str = field(default="", repr=False)
    host_key: str = ""


@dataclass(frozen=True)
class SentFile:
    """A file to write. `sender`: an id that is the same in each attempt, and `attempt` another one in each.

    `replaces`: whether it takes the place of a file of the same name that another sender wrote.
    """

    path: str
    size: int
    sha256: str
    sender: str
    attempt: str
    replaces: bool


def upload_seconds(size: int) -> float:
    """The longest time that sending a file of this size may take."""
    return 60 + size / _BYTES_PER_SECOND


@contextmanager
def sentences(what: str) -> Iterator[None]:
    """Turn errors of the network into sentences about `what`, such as "storage"."""
    try:
        yield
    except AddressNotAllowed as error:
        raise ChannelError(_NOT_ALLOWED, permanent=True) from error
    except ssl.SSLCertVerificationError as error:
        raise ChannelError(f"The {what}'s certificate is not valid for its host, or not trusted.") from error
    except ssl.SSLError as error:
        raise ChannelError(f"The address starts with https, but the {what} does not accept TLS.") from error
    except (OSError, HTTPException) as error:
        raise ChannelError(f"The {what} is not responding.") from error
