"""How far the bursts of slots are: how many of their recipients have what outcome."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Count, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

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
    status = Coalesce("job__status", "archived_status")
    state = Coalesce("job__delivery_state", "archived_delivery_state")
    grouped = children.values_list("slot", status, state, "waits").annotate(number=Count("pk"))
    for slot, of_job, of_deliveries, waits, number in grouped:
        found[slot].counts[outcome_of(of_job, of_deliveries, waits=waits)] += number
    return dict(found)


def failed_recipients(slot: Slot) -> QuerySet[SlotRecipient]:
    """Return those of a slot's recipients whose outcome is a failure."""
    return failed_of(slot.pk)


def retriable_recipients(slot: Slot) -> QuerySet[SlotRecipient]:
    """Return those that failed and can run again: neither their job is archived, nor that which has their rows."""
    failed = failed_recipients(slot).filter(archived_job=None)
    return failed.none() if slot.archived_job else failed


def failed_of(slot: int | OuterRef) -> QuerySet[SlotRecipient]:
    """Return as `failed_recipients`, for the id of a slot or in a query of slots."""
    not_sent = Q(job__status=Status.SUCCEEDED, job__delivery_state__in=FAILED_DELIVERIES)
    archived = Q(archived_status=Status.FAILED) | Q(archived_delivery_state__in=FAILED_DELIVERIES)
    without_job = Q(job=None, archived_job=None, waits=False)
    failed = without_job | Q(job__status=Status.FAILED) | not_sent | archived
    return SlotRecipient.objects.filter(failed, slot=slot)
