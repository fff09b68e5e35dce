"""Writes down in batches when keys were used, and which were refused: calls with a key write nothing to the database.

Each process of the web server has a thread for it. What a killed process had not written is lost: at most the uses and
refusals of some seconds.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter

from django.db import DatabaseError, connections
from django.db.models import Q

from accounts.models import ApiKey, User
from audit import tallies
from audit.models import Action
from jobs.sql import now

log = logging.getLogger(__name__)
_SECONDS = 15.0
#: With this many kinds of refusals, those from further addresses are counted together.
_MAX_REFUSALS = 1000

#: Key and user, both None if no such key exists, and the address of the caller.
_Refusal = tuple[str | None, str | None, str | None, int | None, str]

_lock = threading.Lock()
_used: set[str] = set()
_refused: Counter[_Refusal] = Counter()


def used(key_id: str) -> None:
    """Remember that a call was made with this key."""
    with _lock:
        _used.add(key_id)


def refused(user: User | None, address: str) -> None:
    """Remember that a key was refused: that of this user, which is no longer valid, or one that doesn't exist."""
    of_key = (user.key.id, user.key.name, user.username, user.tenant_id) if user and user.key else (None,) * 4
    with _lock:
        is_known = (*of_key, address) in _refused or len(_refused) < _MAX_REFUSALS
        _refused[(*of_key, address if is_known else "others")] += 1


def start() -> None:
    """Write every few seconds from now on, in the background."""
    threading.Thread(target=_write_repeatedly, name="key log", daemon=True).start()


def write() -> None:
    """Write down what has happened since the last time. Raises nothing: what can't be written is lost."""
    with _lock:
        key_ids, refusals = sorted(_used), dict(_refused)
        _used.clear()
        _refused.clear()
    try:
        if key_ids:
            _write_uses(key_ids)
        for refusal, times in refusals.items():
            _count_refusal(refusal, times)
    except DatabaseError:
        log.exception("The last uses of API keys could not be written.")


def _write_repeatedly() -> None:
    pause = threading.Event()
    while not pause.wait(_SECONDS):
        if _used or _refused:
            write()
            # Held between two batches, it would count against the database's connections.
            connections.close_all()


def _write_uses(key_ids: list[str]) -> None:
    minute = now().replace(second=0, microsecond=0)
    earlier = ApiKey.objects.filter(Q(last_used_at=None) | Q(last_used_at__lt=minute), pk__in=key_ids)
    earlier.update(last_used_at=minute)


def _count_refusal(refusal: _Refusal, times: int) -> None:
    key_id, name, username, tenant_id, address = refusal
    of_key = {"name": name, "user": username} if key_id else {}
    tallies.count(
        Action.KEY_REFUSED,
        tenant_id=tenant_id,
        target=("key", key_id or "unknown"),
        details={**of_key, "address": address, "channel": "API"},
        at_once=False,
        times=times,
    )
