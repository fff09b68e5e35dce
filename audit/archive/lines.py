"""The lines of an archive: one JSON object for each entry, with the fields that its hash covers, and its hashes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from audit.archive.models import AuditArchive
from audit.archive.port import ArchivedFile, archives
from audit.chain import Link

#: In a line, but not in what its hash covers.
_OF_LINK = ("sequence", "previous_hash", "hash")


class BadArchive(Exception):
    """An archive is not as it was written. `sequence` is the first entry that is affected."""

    def __init__(self, sequence: int, reason: str) -> None:
        super().__init__(reason)
        self.sequence = sequence
        self.reason = reason


def line_of(link: Link) -> bytes:
    values = {"sequence": link.sequence, **link.content, "previous_hash": link.previous_hash, "hash": link.hash}
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def parse(line: bytes) -> Link:
    """Raise ValueError or KeyError if it isn't such a line."""
    content: dict[str, Any] = json.loads(line)
    sequence, previous_hash, hash = (content.pop(name) for name in _OF_LINK)
    return Link(sequence, content, previous_hash, hash)


def links_of(archive: AuditArchive) -> Iterator[Link]:
    """Yield all entries of an archive, as they are in the file. Raise BadArchive, or ArchiveUnavailable."""
    content = archives().read(ArchivedFile(archive.name, archive.size, archive.sha256))
    if content is None:
        raise BadArchive(archive.first_sequence, f"the archive {archive.name} is missing or was changed")
    sequence, times = archive.first_sequence, set[datetime]()
    for line in content.splitlines():
        try:
            link = parse(line)
            is_expected = (link.sequence, link.hash) == (sequence, archive.hash_of(sequence))
            times.add(datetime.fromisoformat(str(link.content["timestamp"])))
        except (ValueError, KeyError, TypeError):
            is_expected = False
        if not is_expected:
            raise BadArchive(sequence, f"the archive {archive.name} has another entry in its place")
        yield link
        sequence += 1
    if sequence != archive.last_sequence + 1:
        raise BadArchive(sequence, f"the archive {archive.name} lacks the entry")
    # A search relies on them.
    if (archive.first_at, archive.last_at) != (min(times), max(times)):
        raise BadArchive(archive.first_sequence, f"the row of the archive {archive.name} was changed")
