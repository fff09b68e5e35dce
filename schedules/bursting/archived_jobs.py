"""Slots and their recipients outlive their jobs, which are archived one day (jobs.history)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Substr

from jobs.models import JobExecutionLog
from schedules.models import Slot, SlotRecipient

#: Which jobs, in a query of slots or recipients: its own, or that of its slot.
_OWN, _OF_SLOT = {"pk": OuterRef("job_id")}, {"slot": OuterRef("slot_id")}


def needed_jobs() -> QuerySet[Any, Any]:
    """Return the ids of the jobs whose results are yet to be split: recipients wait for them."""
    return Slot.objects.filter(job__isnull=False, recipients__waits=True).order_by().values("job")


def keep_ids(sender: Any, *, jobs: Sequence[UUID], **_: Any) -> None:
    """Let slots and recipients name these jobs, and what came of them, without their rows."""
    slots, recipients = Slot.objects.filter(job__in=jobs), SlotRecipient.objects.filter(job__in=jobs)
    own, of_slot = (JobExecutionLog.objects.filter(**where) for where in (_OWN, _OF_SLOT))
    # These had no job because that of their slot failed.
    without = SlotRecipient.objects.filter(slot__job__in=jobs, job=None, archived_job=None)
    for rows, job in ((slots, own), (recipients, own), (without, of_slot)):
        rows.filter(reason="").update(reason=Subquery(job.values(why=Substr("error_message", 1, 1000))))
    kept = {"archived_job": F("job_id"), "archived_status": Subquery(own.values("status"))}
    slots.update(**kept, unfinished=False)
    recipients.update(**kept, archived_delivery_state=Subquery(own.values("delivery_state")))
