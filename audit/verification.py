"""Verifies the audit log: all of it at once, or continuously in small steps.

Every jobserver takes a step each minute, and so does “Verify now” on the audit page. A step continues where the last
one stopped; once a day, verification starts again at the first entry. Its result is sealed: whoever can write to the
database but doesn't have the key can neither make it skip an entry nor record that the log is intact. It also remembers
how long the log was, which shows if an older head was put back together with its seal; files outside the database
(audit.heads) show it if the result was put back as well.
"""

from __future__ import annotations

import copy
import hmac
import logging
import time
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import cast

from django.db.models import Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from audit import chain
from audit.archive.lines import BadArchive
from audit.archive.port import ArchiveUnavailable, archives
from audit.archive.reading import find_returned, links_after
from audit.chain import Checkpoint, Link, VerificationFailure
from audit.heads.comparison import compare, host_name
from audit.heads.keeping import begin, read_all
from audit.key import empty_log_seal, signing_key
from audit.models import Action, AuditCheck, AuditHead, AuditLog

log = logging.getLogger(__name__)
#: When verification starts again at the first entry, including the entries that were intact before.
_RESTART_AFTER = timedelta(days=1)
#: Time between two verifications of a process that watches the log.
_PAUSE_SECONDS = 60


def verify_log() -> VerificationFailure | None:
    """Verify the whole log with its archives, and its end against what is kept outside the database.

    None if all is intact. Raises ArchiveUnavailable if the archives can't be read now.
    """
    outside = read_all()
    # Before the head: the entries that record them were written before.
    of_jobs = archives().names_of_jobs()
    head = read_head()
    end: Checkpoint | VerificationFailure = chain.START
    while isinstance(end, Checkpoint) and (result := _verify_next(end, head, of_jobs)):
        end = result
    failure = end if isinstance(end, VerificationFailure) else chain.verify_head(signing_key(), end, head)
    return failure or _find_unsealed() or _find_unrecorded(of_jobs, head) or compare(outside, head)


def _verify_next(
    checkpoint: Checkpoint, head: chain.Head, of_jobs: set[str] | None = None
) -> Checkpoint | VerificationFailure | None:
    """Verify some entries that follow, in batches: a cursor outside of a transaction doesn't survive a pooler.

    None if there are no others. With the names of archives of jobs, verify those that these entries record, and remove
    their names. Raises ArchiveUnavailable.
    """
    try:
        links = links_after(checkpoint.sequence, head.sequence)
    except BadArchive as bad:
        return VerificationFailure(bad.sequence, bad.reason)
    if not links:
        return None
    result = chain.verify_links(signing_key(), links, checkpoint)
    if of_jobs is None or isinstance(result, VerificationFailure):
        return result
    return _bad_archive_of_jobs(links, of_jobs) or result


def _bad_archive_of_jobs(links: Iterable[Link], names: set[str]) -> VerificationFailure | None:
    for link in links:
        if link.content["action"] == Action.HISTORY_ARCHIVE:
            details = cast("Mapping[str, object]", link.content["details"])
            if problem := archives().problem(details):
                return VerificationFailure(link.sequence, problem)
            names.discard(str(details["name"]))
    return None


def _find_unrecorded(names: set[str], head: chain.Head) -> VerificationFailure | None:
    """An archive of jobs that the server has not written."""
    return VerificationFailure(head.sequence, f"no entry records the archive {min(names)}") if names else None


def is_intact(entry: AuditLog) -> bool:
    """True if this entry is as it was written. Doesn't verify the entries around it."""
    return entry.hash == chain.entry_hash(signing_key(), entry.sequence, entry.previous_hash, entry.content())


def read_head() -> chain.Head:
    head = AuditHead.objects.filter(pk=1).first() or AuditHead(seal=empty_log_seal())
    return chain.Head(head.sequence, head.hash, head.seal)


def begin_heads() -> None:
    """Keep the end of the log outside the database from now on, if this host never did before."""
    head = read_head()
    begin(head.sequence, head.hash)


def last_check() -> AuditCheck | None:
    """The state of the continuous verification. None before its first step, or if its seal is not valid."""
    check = AuditCheck.objects.filter(pk=1).first()
    return check if check and hmac.compare_digest(check.seal, _seal(check)) else None


def verify_for(*, seconds: float, restart: bool = False) -> bool:
    """Continue verification for about this time. Returns True if it is finished: at the end of the log or a failure.

    With `restart`, start again at the first entry, unless verification is in progress.
    """
    now = timezone.now()
    previous = last_check()
    check = copy.copy(previous) if previous else AuditCheck(started_at=now)
    if now - check.started_at > _RESTART_AFTER or (restart and not check.in_progress):
        check.started_at, check.sequence, check.hash = now, 0, chain.GENESIS
    outside, head = read_all(), read_head()
    try:
        failure, finished = _continue(check, head, time.monotonic() + seconds)
    except ArchiveUnavailable as error:
        # Which says nothing about the log.
        log.warning("The audit log can't be verified now: %s", error)
        return True
    # At each step: it takes few queries, and a shortened log may be long.
    if failure := failure or compare(outside, head):
        finished = True
        if (check.broken_sequence, check.reason) != (failure.sequence, failure.reason):
            check.broken_sequence, check.reason, check.broken_at = failure.sequence, failure.reason, timezone.now()
            check.broken_on = failure.file
            log.critical("The audit log is broken at entry #%s: %s.", failure.sequence, failure.reason)
    # What a file shows that this host can't read, it can't refute.
    elif finished and check.broken_on in {"", host_name(), *(content.id for content in outside)}:
        check.broken_sequence, check.reason, check.broken_at, check.broken_on = None, "", None, ""
        check.verified_sequence, check.verified_at = check.sequence, timezone.now()
    _save(check, previous)
    return finished


def _continue(check: AuditCheck, head: chain.Head, deadline: float) -> tuple[VerificationFailure | None, bool]:
    """Verify entries from the checkpoint on. Returns the failure, if any, and True if verification is finished."""
    if head.sequence < max(check.verified_sequence or 0, check.sequence):
        return VerificationFailure(head.sequence + 1, "entries that were there before are missing"), True
    checkpoint = Checkpoint(check.sequence, check.hash)
    while result := _verify_next(checkpoint, head):
        if isinstance(result, VerificationFailure):
            return result, True
        checkpoint = result
        check.sequence, check.hash = checkpoint.sequence, checkpoint.hash
        if time.monotonic() > deadline:
            return None, False
    return chain.verify_head(signing_key(), checkpoint, head) or _find_unsealed(), True


def _find_unsealed() -> VerificationFailure | None:
    """The first entry after the head, or one that was archived. One statement reads both: others may be writing."""
    head = Coalesce(Subquery(AuditHead.objects.values("sequence")[:1]), 0)
    first = AuditLog.objects.filter(sequence__gt=head).order_by("sequence").first()
    if first:
        return VerificationFailure(first.sequence, "entries follow the sealed end of the log")
    return find_returned()


class Watch:
    """Verifies the log again and again, a little at a time."""

    def __init__(self) -> None:
        self._verified_at = float("-inf")

    def work_for(self, *, seconds: float) -> None:
        """Verify for about this time, unless verification was finished lately."""
        is_due = time.monotonic() - self._verified_at > _PAUSE_SECONDS
        # A verification that is not finished continues in the next round.
        if is_due and verify_for(seconds=seconds):
            self._verified_at = time.monotonic()


def _save(check: AuditCheck, previous: AuditCheck | None) -> None:
    """Save the state, unless another process has saved a step meanwhile, which is as good as this one."""
    check.seal = _seal(check)
    values = {field.attname: getattr(check, field.attname) for field in AuditCheck._meta.concrete_fields}
    if previous:
        AuditCheck.objects.filter(pk=1, seal=previous.seal).update(**values)
    else:
        AuditCheck.objects.update_or_create(pk=1, defaults=values)


def _seal(check: AuditCheck) -> str:
    return chain.check_seal(signing_key(), check.sealed_content())
