"""How far the bursts of slots are: how many of their recipients have what outcome."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Count, OuterRef, Q, QuerySet

from jobs.status import Status
from schedules.bursting.models import FAILED_DELIVERIES, Outcome, outcome_of
from schedules.models import Slot, SlotRecipient


@dataclass
class Progress:
    """How many recipients of a slot have what outcome."""

    counts: Counter[Outcome] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def ended(self) -> int:
        return self.total - self.unfinished

    @property
    def delivered(self) -> int:
        return self.counts[Outcome.DELIVERED]

    @property
    def failed(self) -> int:
        return self.counts[Outcome.FAILED]

    @property
    def unfinished(self) -> int:
        return self.counts[Outcome.UNFINISHED]

    @property
    def not_sent(self) -> int:
        return self.counts[Outcome.NOT_SENT]


def progress_of(slots: Iterable[int]) -> dict[int, Progress]:
    """Return the progress of those of the slots that have recipients, by id."""
    found: dict[int, Progress] = defaultdict(Progress)
    children = SlotRecipient.objects.filter(slot__in=list(slots)).order_by()
    columns = ("slot", "archived_outcome", "job__status", "job__delivery_state", "waits")
    for slot, archived, status, state, waits, number in children.values_list(*columns).annotate(number=Count("pk")):
        found[slot].counts[Outcome(archived) if archived else outcome_of(status, state, waits=waits)] += number
    return dict(found)


def failed_recipients(slot: Slot) -> QuerySet[SlotRecipient]:
    """Return those of a slot's recipients whose outcome is a failure, and whose job is not archived."""
    return failed_of(slot.pk)


def failed_of(slot: int | OuterRef) -> QuerySet[SlotRecipient]:
    """Return as `failed_recipients`, for the id of a slot or in a query of slots."""
    not_sent = Q(job__status=Status.SUCCEEDED, job__delivery_state__in=FAILED_DELIVERIES)
    failed = Q(job=None, waits=False) | Q(job__status=Status.FAILED) | not_sent
    return SlotRecipient.objects.filter(failed, slot=slot, archived_outcome=None)
