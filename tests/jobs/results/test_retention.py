"""Retention of results."""

from __future__ import annotations

from pathlib import Path

from django.utils import timezone

from audit.models import AuditLog
from jobs.models import Artifact, JobExecutionLog
from jobs.results import retention


def test_purging_deletes_the_file_and_keeps_the_job(result_file: Path, claimed: JobExecutionLog) -> None:
    assert retention.purge_expired() == 0
    Artifact.objects.update(expires_at=timezone.now())
    assert retention.purge_expired() == 1
    assert not result_file.exists()
    job = JobExecutionLog.objects.select_related("artifact").get(pk=claimed.pk)
    assert (job.status, job.result) == ("Succeeded", None)
    assert AuditLog.objects.filter(action="Result Purge").count() == 1
    assert retention.purge_expired() == 0
