"""Retention: result files are purged, jobs stay."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from django.db import Error, transaction
from django.db.models import QuerySet

from audit import actions as audit
from audit.models import Action
from jobs.actions import record_event
from jobs.clock import Now, from_now
from jobs.delivery import outbox
from jobs.models import Artifact, JobEvent
from jobs.results import store

log = logging.getLogger(__name__)
#: Results that are read at once. No cursor may be open while results are purged: on SQLite it would keep a snapshot,
#: from which nothing can be written once another process has committed.
_BATCH = 200


def expired(older_than_days: int | None = None) -> QuerySet[Artifact]:
    """Results whose retention has ended; with `older_than_days`, results of jobs that ended longer ago than that."""
    artifacts = Artifact.objects.filter(purged_at=None).select_related("job")
    if older_than_days is None:
        return artifacts.filter(expires_at__lte=Now())
    return artifacts.filter(job__ended_at__lte=from_now(-86_400 * older_than_days))


def purge_expired(older_than_days: int | None = None, *, actor: str = audit.SYSTEM) -> Iterator[int]:
    """Purge the results that `expired` returns. Yields 1 for each, 0 if another process purged it or it can't be.

    Raises WrongStore, or StorageUnavailable or OSError if the store can't be read.
    """
    last = 0
    while batch := list(expired(older_than_days).filter(pk__gt=last).order_by("pk")[:_BATCH]):
        for artifact in batch:
            yield _try_to_purge(artifact, actor)
        last = batch[-1].pk


def _try_to_purge(artifact: Artifact, actor: str) -> int:
    try:
        return int(purge(artifact, actor=actor))
    except Error:
        # One result that can't be purged must not keep the others, or the disk fills up.
        log.exception("A result could not be purged.", extra={"job_id": str(artifact.job_id)})
        return 0


def purge(artifact: Artifact, *, actor: str) -> bool:
    """Delete one result. False if another process purged it first.

    Raises WrongStore, or StorageUnavailable or OSError if the store can't be read: a result that is out of reach stays
    unpurged.
    """
    job = artifact.job
    store.check()
    # The row is marked before the file is deleted, so that no client is promised a file that is gone.
    with transaction.atomic():
        if not Artifact.objects.filter(pk=artifact.pk, purged_at=None).update(purged_at=Now()):
            return False
        record_event(job, JobEvent.Kind.PURGED, {"size": artifact.total_size})
        outbox.discard_held(job, "The result was deleted after its retention period.")
        audit.record(Action.RESULT_PURGE, actor=actor, tenant_id=job.tenant_id, target=("job", job.pk))
    store.current().delete_job(job.pk)
    return True
