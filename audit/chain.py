"""The hash chain that makes the audit log tamper-evident. Pure: no database, no Django.

Each entry's hash is an HMAC-SHA-256 (RFC 2104) over the previous hash and the canonical JSON of the entry, under a key
that is not in the database: who can write to the table, but has no key, can't recompute the chain. The head (last
sequence and hash, with an HMAC of its own) shows when entries were cut off at the end.
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
    """One entry as it is hashed: its place, its content, and the two hashes stored with it."""

    sequence: int
    content: Mapping[str, object]
    previous_hash: str
    hash: str


@dataclass(frozen=True)
class VerificationFailure:
    """The first place where the chain does not hold, and why."""

    sequence: int
    reason: str


@dataclass(frozen=True)
class Checkpoint:
    """How far the chain was walked: the last entry that holds, and its hash."""

    sequence: int
    hash: str


START = Checkpoint(0, GENESIS)


def canonical(content: Mapping[str, object]) -> bytes:
    """Bytes of the content that are the same whatever the order of its keys."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def entry_hash(key: bytes, sequence: int, previous_hash: str, content: Mapping[str, object]) -> str:
    """The hex hash that seals one entry."""
    return _mac(key, b"entry", str(sequence).encode(), previous_hash.encode(), canonical(content))


def head_seal(key: bytes, sequence: int, last_hash: str) -> str:
    """The hex seal of a chain that ends at this sequence with this hash."""
    return _mac(key, b"head", str(sequence).encode(), last_hash.encode())


def verify_chain(key: bytes, links: Iterable[Link], head: tuple[int, str, str]) -> VerificationFailure | None:
    """Walk the chain from its start; None when every entry and the head (sequence, hash, seal) hold."""
    end = verify_links(key, links)
    return end if isinstance(end, VerificationFailure) else verify_head(key, end, head)


def verify_links(key: bytes, links: Iterable[Link], start: Checkpoint = START) -> Checkpoint | VerificationFailure:
    """Walk on from a place that was reached before."""
    place = start
    for link in links:
        if reason := _fault(key, link, place):
            return VerificationFailure(place.sequence + 1, reason)
        place = Checkpoint(link.sequence, link.hash)
    return place


def verify_head(key: bytes, end: Checkpoint, head: tuple[int, str, str]) -> VerificationFailure | None:
    """What is wrong with the head, when the last entry that there is was reached; None when it holds."""
    sequence, last_hash, seal = head
    if not hmac.compare_digest(seal, head_seal(key, sequence, last_hash)):
        return VerificationFailure(sequence, "the seal of the log's end does not hold")
    if sequence > end.sequence:
        return VerificationFailure(end.sequence + 1, "entries at the end of the log are missing")
    if (sequence, last_hash) != (end.sequence, end.hash):
        return VerificationFailure(sequence + 1, "entries follow the sealed end of the log")
    return None


def check_seal(key: bytes, note: Mapping[str, object]) -> str:
    """The hex seal of what a check found, so that nobody without the key can write that the log holds."""
    return _mac(key, b"note", canonical(note))


def _fault(key: bytes, link: Link, before: Checkpoint) -> str | None:
    if link.sequence != before.sequence + 1:
        return "the entry is missing"
    if link.previous_hash != before.hash:
        return "the entry does not follow the one before it"
    if not hmac.compare_digest(link.hash, entry_hash(key, link.sequence, link.previous_hash, link.content)):
        return "the entry was changed after it was written"
    return None


def _mac(key: bytes, *parts: bytes) -> str:
    return hmac.new(key, b"\x00".join(parts), hashlib.sha256).hexdigest()
