"""Events that strangers can cause as often as they like become few audit entries, each with a count.

They are counted in rows of AuditTally. A row becomes an entry once its event hasn't happened for a while, or has been
counted for long; every reconciler looks for such rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.db.models.functions import Now  # noqa: TID251 - milliseconds don't matter here

from accounts.names import UNKNOWN
from audit import actions, chain
from audit.models import Action, AuditTally

#: A row becomes an entry when the event hasn't happened for the first, or was first counted the second ago.
_QUIET, _LONGEST = timedelta(seconds=20), timedelta(minutes=10)
#: With this many rows, events from further addresses are counted together.
_MAX_ROWS = 1000
_BATCH = 200


@transaction.atomic
def count(
    action: Action,
    *,
    tenant_id: int | None,
    target: tuple[str, object],
    details: Mapping[str, object],
    at_once: bool,
    times: int = 1,
) -> None:
    """Count an event that somebody who isn't signed in caused. With `at_once`, the first one is an entry of its own."""
    if _add(_key(action, target, details), times):
        return
    if AuditTally.objects.count() >= _MAX_ROWS:
        details = {**details, "address": "others"}
    key = _key(action, target, details)
    row = AuditTally(
        key=key,
        action=action,
        tenant_id=tenant_id,
        target_type=target[0],
        target_id=str(target[1]),
        details=dict(details),
        count=times,
        recorded=1 if at_once else 0,
        first_at=Now(),
        last_at=Now(),
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            if at_once:
                actions.record(action, actor=UNKNOWN, tenant_id=tenant_id, target=target, details=details)
    except IntegrityError:  # counted for the first time by another process as well, or with the other addresses
        _add(key, times)


def record_due() -> int:
    """Write the entries that are due. Return how many."""
    due = AuditTally.objects.filter(Q(last_at__lt=Now() - _QUIET) | Q(first_at__lt=Now() - _LONGEST))
    return sum(_record(key) for key in list(due.values_list("key", flat=True)[:_BATCH]))


def _add(key: str, times: int) -> bool:
    """Add `times` to the count. False if nothing was counted yet."""
    return bool(AuditTally.objects.filter(pk=key).update(count=F("count") + times, last_at=Now()))


def _record(key: str) -> bool:
    with transaction.atomic():
        row = AuditTally.objects.select_for_update(skip_locked=True).filter(pk=key).first()
        if row is None:  # another host records it
            return False
        row.delete()
        if row.count == row.recorded:
            return False
        times = {"first": row.first_at.isoformat(), "last": row.last_at.isoformat()}
        actions.record(
            Action(row.action),
            actor=UNKNOWN,
            tenant_id=row.tenant_id,
            target=(row.target_type, row.target_id),
            details={**row.details, "count": row.count - row.recorded, **times},
        )
    return True


def _key(action: Action, target: tuple[str, object], details: Mapping[str, object]) -> str:
    content = {"action": action.value, "target": [target[0], str(target[1])], "details": dict(details)}
    return hashlib.sha256(chain.canonical(content)).hexdigest()
