"""Retention: results go, rows stay."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from audit import actions as audit
from audit.models import Action
from jobs.actions import record_event
from jobs.clock import Now
from jobs.models import Artifact, JobEvent
from jobs.results import storage

log = logging.getLogger(__name__)


def expired(older_than_days: int | None = None) -> QuerySet[Artifact]:
    """Results whose report's retention has ended, or that are older than that many days."""
    kept = Artifact.objects.filter(purged_at=None).select_related("job")
    if older_than_days is None:
        return kept.filter(expires_at__lte=timezone.now())
    return kept.filter(job__ended_at__lte=timezone.now() - timedelta(days=older_than_days))


def purge_expired(older_than_days: int | None = None, *, actor: str = audit.SYSTEM) -> int:
    """Delete those results; return how many."""
    return sum(1 for artifact in expired(older_than_days).iterator() if purge(artifact, actor=actor))


def purge(artifact: Artifact, *, actor: str) -> bool:
    """Delete one result. The row says so first: a reader must not be promised a file that is gone."""
    job = artifact.job
    with transaction.atomic():
        if not Artifact.objects.filter(pk=artifact.pk, purged_at=None).update(purged_at=Now()):
            return False
        record_event(job, JobEvent.Kind.PURGED, {"size": artifact.size})
        audit.record(Action.RESULT_PURGE, actor=actor, tenant_id=job.tenant_id, target=("job", job.pk))
    storage.delete_job_files(job.pk)
    return True


def sizes(found: QuerySet[Artifact]) -> Iterator[tuple[str, int]]:
    """Job id and bytes of each result, for a dry run."""
    return ((str(artifact.job_id), artifact.size) for artifact in found.iterator())
