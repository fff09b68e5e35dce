"""The hash chain that makes the audit log tamper-evident. Knows neither the database nor Django.

Each entry's hash is an HMAC-SHA-256 (RFC 2104) over the previous hash and the canonical JSON of the entry. Its key is
not in the database, so somebody who can write to the table but doesn't have the key can't recompute the chain. The head
(sequence and hash of the last entry, with its own HMAC) shows if entries were removed from the end. It is also kept
outside the database (audit.heads), which shows if an older log was put back as a whole.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

GENESIS = "0" * 64


@dataclass(frozen=True)
class Link:
    """One entry of the chain: its number, its content, and the two hashes that are stored with it."""

    sequence: int
    content: Mapping[str, object]
    previous_hash: str
    hash: str


@dataclass(frozen=True)
class Head:
    """The stored end of the chain: sequence and hash of the last entry, and the seal of both."""

    sequence: int
    hash: str
    seal: str


@dataclass(frozen=True)
class Checkpoint:
    """The progress of a verification: sequence and hash of the last verified entry."""

    sequence: int
    hash: str


@dataclass(frozen=True)
class VerificationFailure:
    """The first entry that can't be verified, and the reason."""

    sequence: int
    reason: str
    #: The id of the file of heads that shows it. Empty if the database alone does.
    file: str = ""


START = Checkpoint(0, GENESIS)


def canonical(content: Mapping[str, object]) -> bytes:
    """The content as JSON, independent of the order of its keys."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def entry_hash(key: bytes, sequence: int, previous_hash: str, content: Mapping[str, object]) -> str:
    """The hash of one entry, in hexadecimal."""
    return _mac(key, b"entry", str(sequence).encode(), previous_hash.encode(), canonical(content))


def head_seal(key: bytes, sequence: int, last_hash: str) -> str:
    """The seal of a chain that ends with this entry, in hexadecimal."""
    return _mac(key, b"head", str(sequence).encode(), last_hash.encode())


def outside_seal(key: bytes, previous_seal: str, sequence: int, last_hash: str, written_at: str) -> str:
    """The seal of a head that is kept outside the database, after one with `previous_seal`, in hexadecimal."""
    return _mac(
        key, b"outside", previous_seal.encode(), str(sequence).encode(), last_hash.encode(), written_at.encode()
    )


def check_seal(key: bytes, result: Mapping[str, object]) -> str:
    """The seal of a verification's stored result, so nobody without the key can record that the log is intact."""
    return _mac(key, b"note", canonical(result))


def verify_chain(key: bytes, links: Iterable[Link], head: Head) -> VerificationFailure | None:
    """Verify all entries and the head. None if all of them are intact."""
    end = verify_links(key, links)
    return end if isinstance(end, VerificationFailure) else verify_head(key, end, head)


def verify_links(key: bytes, links: Iterable[Link], start: Checkpoint = START) -> Checkpoint | VerificationFailure:
    """Verify the entries that follow `start`. Returns the new checkpoint, or the first failure."""
    last = start
    for link in links:
        if link.sequence != last.sequence + 1:
            return VerificationFailure(last.sequence + 1, "the entry is missing")
        if link.previous_hash != last.hash:
            return VerificationFailure(link.sequence, "the entry does not follow the one before it")
        if not hmac.compare_digest(link.hash, entry_hash(key, link.sequence, link.previous_hash, link.content)):
            return VerificationFailure(link.sequence, "the entry was changed after it was written")
        last = Checkpoint(link.sequence, link.hash)
    return last


def verify_head(key: bytes, end: Checkpoint, head: Head) -> VerificationFailure | None:
    """Verify the head once `end`, the last entry in the log, was reached. None if it is intact."""
    if not hmac.compare_digest(head.seal, head_seal(key, head.sequence, head.hash)):
        return VerificationFailure(head.sequence, "the seal of the log's end is not valid")
    if head.sequence > end.sequence:
        return VerificationFailure(end.sequence + 1, "entries at the end of the log are missing")
    if (head.sequence, head.hash) != (end.sequence, end.hash):
        return VerificationFailure(head.sequence + 1, "entries follow the sealed end of the log")
    return None


def _mac(key: bytes, *parts: bytes) -> str:
    return hmac.new(key, b"\x00".join(parts), hashlib.sha256).hexdigest()
