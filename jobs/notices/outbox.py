"""The notices that wait to be sent, and what came of each."""

from __future__ import annotations

from uuid import UUID

from django.db.models import F

from jobs.clock import Now, from_now
from jobs.delivery.outgoing import after_failure, claim_due, leased
from jobs.models import Notice

State = Notice.State
#: Days after which nobody asks what became of a notice.
_KEPT_DAYS = 30


def claim() -> Notice | None:
    """Claim the next due notice until its lease ends; None if none is due. Counts as an attempt from now on."""
    key = claim_due(Notice.objects.all())
    if key is None:
        return None
    # None if it was deleted since it was claimed.
    return Notice.objects.select_related("tenant", "user", "owner").filter(pk=key).first()


def mark_sent(notice: Notice) -> bool:
    """Record that the notice was sent. False if its lease was lost: it will be sent again, with the same id."""
    return bool(leased(notice).update(state=State.SENT, ended_at=Now(), error=""))


def mark_skipped(notice: Notice, reason: str) -> bool:
    """Record that the notice is not to be sent after all. False if its lease was lost."""
    return bool(leased(notice).update(state=State.SKIPPED, ended_at=Now(), error=reason))


def mark_failed(notice: Notice, error: str, *, permanent: bool = False) -> bool:
    """Record a failed attempt, and retry later unless it was the last or `permanent`. False if the lease was lost."""
    changes, _ = after_failure(notice, failed=State.FAILED, permanent=permanent)
    return bool(leased(notice).update(error=error, **changes))


def discard_unsent(schedule: UUID, reason: str) -> None:
    """Send no more notices of a schedule, in the caller's transaction."""
    unsent = Notice.objects.filter(schedule=schedule, state=State.PENDING)
    # A deliverer that is sending one now loses its lease.
    unsent.update(state=State.SKIPPED, ended_at=Now(), error=reason, fence=F("fence") + 1)


def delete_old() -> int:
    """Delete notices that ended a month ago. Return how many."""
    return Notice.objects.filter(ended_at__lt=from_now(-_KEPT_DAYS * 86_400)).delete()[0]
