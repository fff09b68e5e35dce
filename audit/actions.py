"""Writes to the audit log."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from accounts import names
from accounts.models import User
from audit import chain
from audit.heads.keeping import keep_after_commit
from audit.key import empty_log_seal, signing_key
from audit.models import Action, AuditHead, AuditLog
from audit.sql import ADVANCE_HEAD, READ_HEAD
from common.compiled_sql import insert

#: The actor of the server's own actions.
SYSTEM = names.SYSTEM
#: Entries of one statement.
_BATCH = 200


def record(
    action: Action,
    *,
    actor: User | str,
    tenant_id: int | None,
    target: tuple[str, object],
    details: Mapping[str, object] | None = None,
) -> AuditLog:
    """Append an entry in the caller's transaction, so the action only happens if the entry can be written.

    `target` is (type, id). If the actor calls with a key, the details name it. Waits until all earlier writers have
    committed, so call it as late as possible.
    """
    [entry] = _append([PendingEntry(action, tenant_id, target, details or {})], actor)
    return entry


class PendingEntry(NamedTuple):
    """An audit entry that is written when all changes of the transaction are done."""

    action: Action
    tenant_id: int | None
    target: tuple[str, object]
    details: Mapping[str, object]


def record_all(entries: Iterable[PendingEntry], actor: User | str) -> None:
    """Write the entries. All other writers of the log wait from here on, so it comes last in a transaction."""
    pending = list(entries)
    for first in range(0, len(pending), _BATCH):
        _append(pending[first : first + _BATCH], actor)


def _append(pending: Sequence[PendingEntry], actor: User | str) -> list[AuditLog]:
    """Append at least one entry to the chain, with one look at its end."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("An audit entry must be in the transaction of its action.")
    sequence, last_hash = _lock_head()
    entries = []
    for each in pending:
        sequence += 1
        entry = _entry(each, actor, sequence, last_hash)
        entry.hash = last_hash = chain.entry_hash(signing_key(), sequence, last_hash, entry.content())
        entries.append(entry)
    if len(entries) == 1:
        insert(entries[0])
    else:
        AuditLog.objects.bulk_create(entries)
    with connection.cursor() as cursor:
        cursor.execute(ADVANCE_HEAD, [sequence, last_hash, chain.head_seal(signing_key(), sequence, last_hash)])
    keep_after_commit(sequence, last_hash)
    return entries


def _entry(pending: PendingEntry, actor: User | str, sequence: int, previous_hash: str) -> AuditLog:
    key = {"key": actor.key.name} if isinstance(actor, User) and actor.key else {}
    return AuditLog(
        sequence=sequence,
        tenant_id=pending.tenant_id,
        timestamp=timezone.now(),
        actor=actor_name(actor),
        actor_id=actor.pk if isinstance(actor, User) else None,
        action=pending.action,
        target_type=pending.target[0],
        target_id=str(pending.target[1]),
        details={**pending.details, **key},
        previous_hash=previous_hash,
    )


def _lock_head() -> tuple[int, str]:
    """Sequence and hash of the last entry. No other writer can continue until the transaction ends."""
    # SQLite has no row locks; there, the transaction has held the write lock since it began.
    query = f"{READ_HEAD} for update" if connection.features.has_select_for_update else READ_HEAD
    with connection.cursor() as cursor:
        cursor.execute(query)
        row = cursor.fetchone()
        if row is None:
            # The first entry of all. Another process may be writing one as well: both then lock the row of one of them.
            AuditHead.objects.bulk_create([AuditHead(seal=empty_log_seal())], ignore_conflicts=True)
            cursor.execute(query)
            row = cursor.fetchone()
    sequence, last_hash = row
    return sequence, last_hash


def actor_name(actor: User | str) -> str:
    """The actor's name in the log: a user's name, or the text for the server or its operator."""
    return actor if isinstance(actor, str) else actor.get_username()


def operator_actor() -> str:
    """The actor of a command: the user of this machine who runs it."""
    try:
        return f"{names.OPERATOR}:{getpass.getuser()}"
    except (KeyError, OSError):  # in a container, the user may have a number but no name
        return f"{names.OPERATOR}:{os.getuid()}"
