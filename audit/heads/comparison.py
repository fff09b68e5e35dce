"""Compares the database with the heads that are kept outside of it."""

from __future__ import annotations

from collections.abc import Iterable

from audit import chain
from audit.chain import VerificationFailure
from audit.exceptions import HeadsDamaged, HeadsMissing
from audit.heads.keeping import host_name
from audit.heads.lines import Line
from audit.models import AuditLog


def compare(outside: Iterable[Line | HeadsMissing | HeadsDamaged], head: chain.Head) -> VerificationFailure | None:
    """The first contradiction between what `read_all` returned and the database, whose `head` was read after that.

    A file may be behind the database: its host may have written nothing for long, or have had a full disk.
    """
    failures = [failure for found in outside if (failure := _compare(found, head))]
    return min(failures, key=lambda failure: failure.sequence, default=None)


def _compare(found: Line | HeadsMissing | HeadsDamaged, head: chain.Head) -> VerificationFailure | None:
    if isinstance(found, HeadsMissing):
        return _failure(head.sequence, "the file that keeps the end of the log outside the database is missing")
    if isinstance(found, HeadsDamaged):
        return _failure(head.sequence, "the file that keeps the end of the log outside the database was changed")
    if found.sequence > head.sequence:
        return _failure(head.sequence + 1, "entries that were there before are missing")
    if found.hash != _stored_hash(found.sequence):
        return _failure(found.sequence, "another entry was there before")
    return None


def _stored_hash(sequence: int) -> str | None:
    if sequence == 0:
        return chain.GENESIS
    return AuditLog.objects.filter(pk=sequence).values_list("hash", flat=True).first()


def _failure(sequence: int, reason: str) -> VerificationFailure:
    return VerificationFailure(sequence, reason, host_name())
