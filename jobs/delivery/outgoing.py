"""What waits to be sent, whatever it is: the columns of its lease, and how it is claimed and kept.

A process that dies between sending and recording leaves a row that is sent again, with the same id.
"""

from __future__ import annotations

from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from common.backoff import Backoff
from jobs.clock import Now, from_now, waits_too_long

#: The state of a row that is to be sent.
PENDING = "pending"
#: Attempts, over about three hours, after which sending has failed.
MAX_ATTEMPTS = 12
RETRY_WAITS = Backoff(first=5, longest=3600)
_OVERDUE_SECONDS = 600


class Outgoing(models.Model):
    """Something to be sent by the deliverer. A subclass adds `id` and `state`, one of which is "pending"."""

    available_at = models.DateTimeField(
        help_text=_("The delivery isn't claimed before this time. Once claimed: when the lease ends.")
    )
    fence = models.PositiveIntegerField(default=0)
    attempt = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(
        max_length=300, blank=True, help_text=_("Why the last attempt failed, or why it is held or not sent.")
    )
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


Row = TypeVar("Row", bound=Outgoing)


def leased(row: Row) -> QuerySet[Row]:
    """The row, if its lease is still held: the condition of every write."""
    rows: QuerySet[Row] = type(row)._default_manager.filter(pk=row.pk, fence=row.fence, state=PENDING)
    return rows


def claim_due(rows: QuerySet[Row]) -> UUID | None:
    """Claim the next of these rows that is due, until its lease ends. Counts as an attempt from now on.

    Returns its key; None if none is due.
    """
    with transaction.atomic():
        due = rows.filter(state=PENDING, available_at__lte=Now()).order_by("available_at")
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True)
        row = due.first()
        if row is None:
            return None
        lease_end = from_now(settings.DELIVERY_LEASE_SECONDS)
        leased(row).update(fence=F("fence") + 1, attempt=F("attempt") + 1, available_at=lease_end)
    key: UUID = row.pk
    return key


def renew(row: Outgoing) -> bool:
    """Extend the lease from now on. False if it was lost."""
    return bool(leased(row).update(available_at=from_now(settings.DELIVERY_LEASE_SECONDS)))


def after_failure(row: Outgoing, *, failed: str, permanent: bool) -> tuple[dict[str, Any], float | None]:
    """Return what a failed attempt changes, and the seconds until the next one; None if it was the last.

    `failed`: the state after the last attempt.
    """
    if permanent or row.attempt >= MAX_ATTEMPTS:
        return {"state": failed, "ended_at": Now()}, None
    wait = RETRY_WAITS.jittered(row.attempt)
    return {"available_at": from_now(wait)}, wait


def bring_forward(rows: QuerySet[Row]) -> int:
    """Send rows soon that would wait for longer than attempts ever do. Return how many.

    One that is being sent keeps a lease.
    """
    lease = settings.DELIVERY_LEASE_SECONDS
    waiting = rows.filter(waits_too_long(RETRY_WAITS, lease=lease), state=PENDING)
    return waiting.filter(attempt=0).update(available_at=Now()) + waiting.update(available_at=from_now(lease))


def count_overdue(rows: QuerySet[Row]) -> int:
    """Count the rows that have waited for more than ten minutes; after a resend, only once they failed again."""
    limit = from_now(-_OVERDUE_SECONDS)
    overdue = Q(attempt__gt=0) | Q(available_at__lt=limit)
    return rows.filter(overdue, state=PENDING, created_at__lt=limit).count()
