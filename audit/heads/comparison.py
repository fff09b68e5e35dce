"""Compares the database with the heads that are kept outside of it."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from itertools import islice

from audit import chain
from audit.archive.reading import stored_hashes
from audit.chain import VerificationFailure
from audit.heads.file import Content
from audit.heads.lines import Line

#: Of one query.
_MAX_SEQUENCES = 500


def compare(outside: Iterable[Content], head: chain.Head) -> VerificationFailure | None:
    """The first contradiction between what `read_all` returned and the database, whose `head` was read after that.

    A file may be behind the database: its host may have written nothing for long, or have had a full disk.
    """
    failures = [failure for content in outside if (failure := _compare(content, head))]
    return min(failures, key=lambda failure: failure.sequence, default=None)


def contradicting(lines: Sequence[Line]) -> list[Line]:
    """The lines that contradict the database: it lacks such an entry.

    All lines count. The last one alone agrees again once a shortened log has grown beyond the ones before.
    """
    stored = _stored_hashes(line.sequence for line in lines)
    return [line for line in lines if line.hash != stored.get(line.sequence)]


def host_name() -> str:
    return socket.gethostname()


def _compare(content: Content, head: chain.Head) -> VerificationFailure | None:
    # A file that can't be named is this host's own.
    file = content.id or host_name()
    if content.problem:
        message = content.problem.message
        return VerificationFailure(head.sequence, message[0].lower() + message[1:].rstrip("."), file)
    first = next(iter(contradicting(content.lines)), None)
    if first and first.sequence <= head.sequence:
        return VerificationFailure(first.sequence, "another entry was there before", file)
    if content.lines[-1].sequence > head.sequence:
        return VerificationFailure(head.sequence + 1, "entries that were there before are missing", file)
    return None


def _stored_hashes(sequences: Iterable[int]) -> dict[int, str]:
    found, remaining = dict[int, str](), iter(sequences)
    while chunk := list(islice(remaining, _MAX_SEQUENCES)):
        found.update(stored_hashes(chunk))
    return found
