"""Slots and their recipients outlive their jobs, which are archived one day (jobs.history)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import F

from schedules.bursting.models import Outcome, outcome_of
from schedules.models import Slot, SlotRecipient


def keep_ids(sender: Any, *, jobs: Sequence[UUID], **_: Any) -> None:
    """Let slots and recipients name these jobs, and what came of them, without their rows."""
    Slot.objects.filter(job__in=jobs).update(archived_job=F("job_id"), unfinished=False)
    children = SlotRecipient.objects.filter(job__in=jobs)
    by_outcome: dict[Outcome, list[int]] = {}
    for pk, status, state in children.values_list("pk", "job__status", "job__delivery_state"):
        by_outcome.setdefault(outcome_of(status, state), []).append(pk)
    for outcome, pks in by_outcome.items():
        SlotRecipient.objects.filter(pk__in=pks).update(archived_job=F("job_id"), archived_outcome=outcome)
