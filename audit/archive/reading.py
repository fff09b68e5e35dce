"""Reads the whole log: the entries in archives, then those in the database."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from itertools import dropwhile
from typing import Any

from django.conf import settings
from django.db.models import Subquery

from audit import chain
from audit.archive.lines import links_of
from audit.archive.models import AuditArchive
from audit.chain import Checkpoint, Link, VerificationFailure
from audit.models import AuditLog


def links_after(sequence: int, until: int) -> list[Link]:
    """The entries that follow this one, as many as are read at once; none at the end.

    Raise BadArchive, or ArchiveUnavailable.
    """
    batch: list[AuditLog] = []
    # Twice: entries may have been archived between the two queries.
    for _ in range(2):
        if archive := _archive_with(sequence + 1):
            return list(dropwhile(lambda link: link.sequence <= sequence, links_of(archive)))
        stored = AuditLog.objects.filter(sequence__gt=sequence, sequence__lte=until).order_by("sequence")
        batch = list(stored[: settings.AUDIT_BATCH_ENTRIES])
        if batch and batch[0].sequence == sequence + 1:
            break
    return [entry.link() for entry in batch]


def end_of_archive() -> Checkpoint:
    """The last entry that is archived."""
    last = AuditArchive.objects.order_by("first_sequence").last()
    return Checkpoint(last.last_sequence, last.last_hash) if last else chain.START


def stored_hashes(sequences: Collection[int]) -> dict[int, str]:
    """The hashes that the database has of these entries, archived ones included."""
    found = {0: chain.GENESIS, **dict(AuditLog.objects.filter(pk__in=sequences).values_list("sequence", "hash"))}
    missing = [sequence for sequence in sequences if sequence not in found]
    if missing:
        archives = AuditArchive.objects.filter(first_sequence__lte=max(missing), last_sequence__gte=min(missing))
        for archive in archives:
            within = range(archive.first_sequence, archive.last_sequence + 1)
            found.update((sequence, archive.hash_of(sequence)) for sequence in missing if sequence in within)
    return found


def find_returned() -> VerificationFailure | None:
    """An entry in the database that was archived, so somebody wrote it again."""
    # One statement reads both, since others may be archiving.
    last = AuditArchive.objects.order_by("-first_sequence").values("last_sequence")[:1]
    entry = AuditLog.objects.filter(sequence__lte=Subquery(last)).order_by("sequence").first()
    reason = "the entry was archived, and is in the database again"
    return VerificationFailure(entry.sequence, reason) if entry else None


def archived_entries(target_id: str, *, since: datetime) -> Iterator[AuditLog]:
    """Yield the archived entries about an object from this time on. Raise BadArchive, or ArchiveUnavailable."""
    archives = AuditArchive.objects.filter(last_at__gte=since).order_by("first_sequence")
    for first in list(archives.values_list("pk", flat=True)):
        for link in links_of(AuditArchive.objects.get(pk=first)):
            if link.content["target_id"] == target_id:
                yield _entry_of(link)


def _entry_of(link: Link) -> AuditLog:
    fields: dict[str, Any] = {**link.content, "timestamp": datetime.fromisoformat(str(link.content["timestamp"]))}
    tenant_id = fields.pop("tenant")
    return AuditLog(
        sequence=link.sequence, tenant_id=tenant_id, previous_hash=link.previous_hash, hash=link.hash, **fields
    )


def _archive_with(sequence: int) -> AuditArchive | None:
    archive = AuditArchive.objects.filter(first_sequence__lte=sequence).order_by("first_sequence").last()
    return archive if archive and archive.last_sequence >= sequence else None
