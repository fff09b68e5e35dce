"""The standing check of the chain: a little at a time, on from where it was, and from the first entry once a day.

Every jobserver does it, and “Verify now” on the audit page. What it found is sealed: who can write to the database, but
has no key, can't make it skip an entry or say that the log holds. It also remembers how long the log was, which shows
when somebody put back an older end together with its seal.
"""

from __future__ import annotations

import copy
import hmac
import logging
import time
from datetime import timedelta

from django.utils import timezone

from audit import actions, chain
from audit.models import AuditCheck, AuditHead, AuditLog

log = logging.getLogger(__name__)
#: After this time all entries are read again, also those that held before.
_AGAIN = timedelta(days=1)
_BATCH = 1000


def last_check() -> AuditCheck | None:
    """What the check found last; None before the first one, and when somebody else wrote it."""
    check = AuditCheck.objects.filter(pk=1).first()
    return check if check and hmac.compare_digest(check.seal, _seal(check)) else None


def in_progress(check: AuditCheck) -> bool:
    """Whether it has not yet come to the end since it last began at the first entry."""
    return check.broken is None and (check.verified_at is None or check.verified_at < check.begun_at)


def verify_for(*, seconds: float, restart: bool = False) -> bool:
    """Check on for about so long, `again` from the first entry unless that is under way. Whether it came to an end."""
    now = timezone.now()
    before = last_check()
    check = copy.copy(before) if before else AuditCheck(begun_at=now)
    if now - check.begun_at > _AGAIN or (restart and not in_progress(check)):
        check.begun_at, check.sequence, check.hash = now, 0, chain.GENESIS
    found = _walk(check, actions.head(), time.monotonic() + seconds)
    if isinstance(found, chain.VerificationFailure):
        _break(check, found)
    elif found:
        check.broken, check.reason, check.broken_at = None, "", None
        check.verified, check.verified_at = check.sequence, timezone.now()
    _store(before, check)
    return found is not False


def _walk(check: AuditCheck, head: AuditHead, until: float) -> chain.VerificationFailure | bool:
    """What does not hold, or whether the end was reached."""
    if head.sequence < max(check.verified or 0, check.sequence):
        return chain.VerificationFailure(head.sequence + 1, "entries that were there before are missing")
    place = chain.Checkpoint(check.sequence, check.hash)
    rest = AuditLog.objects.filter(sequence__lte=head.sequence).order_by("sequence")
    while batch := list(rest.filter(sequence__gt=place.sequence)[:_BATCH]):
        walked = chain.verify_links(actions.signing_key(), (entry.link() for entry in batch), place)
        if isinstance(walked, chain.VerificationFailure):
            return walked
        place = walked
        check.sequence, check.hash = place.sequence, place.hash
        if time.monotonic() > until:
            return False
    return (
        chain.verify_head(actions.signing_key(), place, (head.sequence, head.hash, head.seal))
        or actions.find_unsealed()
        or True
    )


def _break(check: AuditCheck, found: chain.VerificationFailure) -> None:
    if (check.broken, check.reason) == (found.sequence, found.reason):
        return
    check.broken, check.reason, check.broken_at = found.sequence, found.reason, timezone.now()
    log.critical("The audit log is broken at entry #%s: %s.", found.sequence, found.reason)


def _store(before: AuditCheck | None, check: AuditCheck) -> None:
    """Unless somebody else has checked on meanwhile: then theirs is as good."""
    check.seal = _seal(check)
    values = {field.attname: getattr(check, field.attname) for field in AuditCheck._meta.concrete_fields}
    if before:
        AuditCheck.objects.filter(pk=1, seal=before.seal).update(**values)
    else:
        AuditCheck.objects.update_or_create(pk=1, defaults=values)


def _seal(check: AuditCheck) -> str:
    return chain.check_seal(actions.signing_key(), check.note())
