"""Retention: result files are purged, jobs stay."""

from __future__ import annotations

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


def expired(older_than_days: int | None = None) -> QuerySet[Artifact]:
    """Results whose retention has ended; with `older_than_days`, results of jobs that ended longer ago than that."""
    artifacts = Artifact.objects.filter(purged_at=None).select_related("job")
    if older_than_days is None:
        return artifacts.filter(expires_at__lte=timezone.now())
    return artifacts.filter(job__ended_at__lte=timezone.now() - timedelta(days=older_than_days))


def purge_expired(older_than_days: int | None = None, *, actor: str = audit.SYSTEM) -> int:
    """Purge the results that `expired` returns. Return how many."""
    return sum(1 for artifact in expired(older_than_days).iterator() if purge(artifact, actor=actor))


def purge(artifact: Artifact, *, actor: str) -> bool:
    """Delete one result. False if another process purged it first."""
    job = artifact.job
    # The row is marked before the file is deleted, so that no client is promised a file that is gone.
    with transaction.atomic():
        if not Artifact.objects.filter(pk=artifact.pk, purged_at=None).update(purged_at=Now()):
            return False
        record_event(job, JobEvent.Kind.PURGED, {"size": artifact.size})
        audit.record(Action.RESULT_PURGE, actor=actor, tenant_id=job.tenant_id, target=("job", job.pk))
    storage.delete_job_files(job.pk)
    return True
