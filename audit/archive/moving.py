"""Moves the oldest entries of the log into archives."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Protocol

from django.db import connection, transaction

from audit import chain
from audit.archive.lines import line_of
from audit.archive.models import AuditArchive
from audit.archive.port import ArchivedFile
from audit.archive.reading import end_of_archive
from audit.chain import VerificationFailure
from audit.key import signing_key
from audit.models import AuditLog
from audit.sql import DELETE_ARCHIVED

log = logging.getLogger(__name__)
#: What one archive has at most, or a little more: entries, and bytes of lines.
_MAX_ENTRIES, _MAX_BYTES = 2000, 8 << 20
#: How long old entries wait for others, so that there aren't too many small archives.
WAIT_FOR_MORE = timedelta(hours=6)


class EntriesChanged(Exception):
    """The entries that were archived are not all in the database any more."""


class Move(Protocol):
    """The move of rows into one archive."""

    def write(self, lines: Iterable[bytes]) -> ArchivedFile:
        """Write the archive. Return once it is complete in the store. Raise ArchiveUnavailable or OSError."""
        ...

    def confirm(self) -> None:
        """Called in the transaction that deletes the rows: raise unless this process may still archive."""
        ...


def move_next(before: datetime, move: Move) -> int:
    """Move some of the oldest entries, if all of them are older than this. Return how many; 0 if there is none left.

    An entry leaves the database in the transaction that records the archive, which is complete in the store by then.
    Raise ArchiveUnavailable or OSError.
    """
    start = end_of_archive()
    entries = _old_entries(start.sequence, before)
    if not entries:
        return 0
    links = [entry.link() for entry in entries]
    result = chain.verify_links(signing_key(), links, start)
    if isinstance(result, VerificationFailure):
        # What is wrong stays where it can be examined.
        log.critical("The audit log can't be archived: broken at entry #%s: %s.", result.sequence, result.reason)
        return 0
    file = move.write(map(line_of, links))
    first, last = entries[0], entries[-1]
    with transaction.atomic():
        move.confirm()
        AuditArchive.objects.create(
            first_sequence=first.sequence,
            last_sequence=last.sequence,
            first_at=min(entry.timestamp for entry in entries),
            last_at=max(entry.timestamp for entry in entries),
            hashes=b"".join(bytes.fromhex(link.hash) for link in links),
            **file._asdict(),
        )
        with connection.cursor() as cursor:
            # The trigger that protects the entries lets those go that the archive has.
            cursor.execute(DELETE_ARCHIVED, [first.sequence, last.sequence])
            if cursor.rowcount != len(entries):
                raise EntriesChanged
    return len(entries)


def oldest() -> datetime | None:
    """When the first entry was written that isn't archived; None if there is none."""
    return AuditLog.objects.order_by("sequence").values_list("timestamp", flat=True).first()


def _old_entries(after: int, before: datetime) -> list[AuditLog]:
    """The first entries after this one that make an archive; none if they are too few and don't wait for long."""
    found, size = list[AuditLog](), 0
    for entry in AuditLog.objects.filter(sequence__gt=after).order_by("sequence")[:_MAX_ENTRIES]:
        # All entries before must go first, so one with a wrong time keeps those after it.
        if entry.timestamp >= before:
            break
        found.append(entry)
        size += len(line_of(entry.link()))
        if size > _MAX_BYTES:
            break
    is_enough = len(found) == _MAX_ENTRIES or size > _MAX_BYTES
    return found if is_enough or (found and found[0].timestamp < before - WAIT_FOR_MORE) else []
