"""Writing to the audit log, and checking it."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import User
from audit import chain
from audit.models import Action, AuditHead, AuditLog
from common.compiled_sql import insert

#: The actor of what the server does by itself.
SYSTEM = "system"

# These two are written by hand, as nobody else can act while they are put together.
_END = "select sequence, hash from audit_audithead where id = 1"
_ADVANCE = "update audit_audithead set sequence = %s, hash = %s, seal = %s where id = 1"


def record(
    action: Action,
    *,
    actor: User | str,
    tenant_id: int | None,
    target: tuple[str, object],
    details: Mapping[str, object] | None = None,
) -> AuditLog:
    """Append one entry, inside the caller's transaction: if the entry can't be written, the action does not happen.

    `target` is (kind, id). Every writer waits here for the one before it to commit, so call it last.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("An audit entry belongs to the transaction of its action.")
    head = _locked_head()
    entry = AuditLog(
        sequence=head.sequence + 1,
        tenant_id=tenant_id,
        timestamp=timezone.now(),
        actor=actor_name(actor),
        action=action,
        target_type=target[0],
        target_id=str(target[1]),
        details=dict(details or {}),
        previous_hash=head.hash,
    )
    entry.hash = chain.entry_hash(signing_key(), entry.sequence, entry.previous_hash, entry.content())
    insert(entry)
    _advance(entry)
    return entry


def actor_name(actor: User | str) -> str:
    """What the log calls an actor: a user's name, or the text that stands for the server or its operator."""
    return actor if isinstance(actor, str) else actor.get_username()


def operator_actor() -> str:
    """The actor of a command: who runs it on this machine."""
    try:
        return f"operator:{getpass.getuser()}"
    except (KeyError, OSError):  # a container may run under a number that has no name
        return f"operator:{os.getuid()}"


def verify() -> chain.VerificationFailure | None:
    """Check the whole log; None when it is as it was written."""
    end = head()
    entries = AuditLog.objects.filter(sequence__lte=end.sequence).order_by("sequence").iterator(chunk_size=5000)
    links = (entry.link() for entry in entries)
    return chain.verify_chain(signing_key(), links, (end.sequence, end.hash, end.seal)) or find_unsealed()


def head() -> AuditHead:
    """Where the chain ends now."""
    return AuditHead.objects.filter(pk=1).first() or AuditHead(seal=_empty_seal())


def is_intact(entry: AuditLog) -> bool:
    """Whether this one entry is as it was written; what stands around it is the chain's matter."""
    return entry.hash == chain.entry_hash(signing_key(), entry.sequence, entry.previous_hash, entry.content())


def find_unsealed() -> chain.VerificationFailure | None:
    """Entries after the end of the chain; one statement, since others may be writing meanwhile."""
    end = Coalesce(Subquery(AuditHead.objects.values("sequence")[:1]), 0)
    first = AuditLog.objects.filter(sequence__gt=end).order_by("sequence").first()
    return chain.VerificationFailure(first.sequence, "entries follow the sealed end of the log") if first else None


def _locked_head() -> AuditHead:
    found = _read_head()
    if found is None:
        AuditHead.objects.bulk_create([AuditHead(seal=_empty_seal())], ignore_conflicts=True)
        found = _read_head()
    sequence, end = found
    return AuditHead(sequence=sequence, hash=end)


def _read_head() -> Any:
    lock = " for update" if connection.features.has_select_for_update else ""
    with connection.cursor() as cursor:
        cursor.execute(_END + lock)
        return cursor.fetchone()


def _empty_seal() -> str:
    return chain.head_seal(signing_key(), 0, chain.GENESIS)


def _advance(entry: AuditLog) -> None:
    seal = chain.head_seal(signing_key(), entry.sequence, entry.hash)
    with connection.cursor() as cursor:
        cursor.execute(_ADVANCE, [entry.sequence, entry.hash, seal])


def signing_key() -> bytes:
    """What seals the entries; it is not in the database."""
    return str(settings.AUDIT_KEY).encode()
