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
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db.models import Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from audit import chain
from audit.chain import Checkpoint, VerificationFailure
from audit.heads.comparison import compare, host_name
from audit.heads.keeping import begin, read_all
from audit.key import empty_log_seal, signing_key
from audit.models import AuditCheck, AuditHead, AuditLog

log = logging.getLogger(__name__)
#: When verification starts again at the first entry, including the entries that were intact before.
_RESTART_AFTER = timedelta(days=1)


def verify_log() -> VerificationFailure | None:
    """Verify the whole log, and its end against what is kept outside the database. None if it is intact."""
    outside = read_all()
    head = read_head()
    links = (entry.link() for entry in _entries_until(head.sequence))
    failure = chain.verify_chain(signing_key(), links, head) or _find_unsealed()
    return failure or compare(outside, head)


def _entries_until(last: int) -> Iterator[AuditLog]:
    """Entries in their order, read in batches: a cursor outside of a transaction doesn't survive a pooler."""
    entries, sequence = AuditLog.objects.filter(sequence__lte=last).order_by("sequence"), 0
    while batch := list(entries.filter(sequence__gt=sequence)[: settings.AUDIT_BATCH_ENTRIES]):
        yield from batch
        sequence = batch[-1].sequence


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
    failure, finished = _continue(check, head, time.monotonic() + seconds)
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
    entries = AuditLog.objects.filter(sequence__lte=head.sequence).order_by("sequence")
    while batch := list(entries.filter(sequence__gt=checkpoint.sequence)[: settings.AUDIT_BATCH_ENTRIES]):
        result = chain.verify_links(signing_key(), (entry.link() for entry in batch), checkpoint)
        if isinstance(result, VerificationFailure):
            return result, True
        checkpoint = result
        check.sequence, check.hash = checkpoint.sequence, checkpoint.hash
        if time.monotonic() > deadline:
            return None, False
    return chain.verify_head(signing_key(), checkpoint, head) or _find_unsealed(), True


def _find_unsealed() -> VerificationFailure | None:
    """The first entry after the head. One statement reads both, since others may be writing."""
    head = Coalesce(Subquery(AuditHead.objects.values("sequence")[:1]), 0)
    first = AuditLog.objects.filter(sequence__gt=head).order_by("sequence").first()
    return VerificationFailure(first.sequence, "entries follow the sealed end of the log") if first else None


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
