"""Retention of results."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from django.utils import timezone

from audit.models import AuditLog
from jobs.exceptions import WrongStore
from jobs.models import Artifact, JobExecutionLog
from jobs.results import retention
from jobs.results.stores.base import MARKER
from tests.server import prepare_server


def test_purging_deletes_the_file_and_keeps_the_job(result_file: Path, claimed: JobExecutionLog) -> None:
    assert sum(retention.purge_expired()) == 0
    Artifact.objects.update(expires_at=timezone.now())
    assert sum(retention.purge_expired()) == 1
    assert not result_file.exists()
    job = JobExecutionLog.objects.select_related("artifact").get(pk=claimed.pk)
    assert (job.status, job.result) == ("Succeeded", None)
    assert AuditLog.objects.filter(action="Result Purge").count() == 1
    assert sum(retention.purge_expired()) == 0


def test_nothing_is_purged_while_the_share_is_not_mounted(result_file: Path, wrong_store: Path) -> None:
    """Neither the file, which may be another installation's, nor the row, or the file would be kept for good."""
    Artifact.objects.update(expires_at=timezone.now())
    with pytest.raises(WrongStore):
        list(retention.purge_expired())
    assert result_file.exists()
    assert Artifact.objects.get().purged_at is None
    assert not AuditLog.objects.filter(action="Result Purge").exists()


def test_the_command_says_that_the_share_is_not_mounted(tmp_path: Path, prepared: Path) -> None:
    server = prepare_server(tmp_path, prepared=prepared)
    server.manage("shell", "--no-imports", "-c", _MANY_EXPIRED)
    (server.folder / "artifacts" / MARKER).unlink()
    purge = server.manage("purge_results", check=False)
    assert purge.returncode == 1
    assert "its share is not mounted" in purge.stderr and "Traceback" not in purge.stderr


def test_more_results_than_one_batch_are_purged_while_others_commit(tmp_path: Path, prepared: Path) -> None:
    """On SQLite, nothing can be written under a cursor that is open when another process commits."""
    server = prepare_server(tmp_path, prepared=prepared)
    server.manage("shell", "--no-imports", "-c", _MANY_EXPIRED)
    writer = subprocess.Popen([sys.executable, "-c", _COMMIT_ALL_THE_TIME, server.database()])
    try:
        purge = server.manage("purge_results", check=False)
    finally:
        writer.kill()
        writer.wait()
    assert (purge.returncode, purge.stdout) == (0, "2500 result(s) deleted.\n"), purge.stderr


_MANY_EXPIRED = """
from datetime import timedelta
from django.utils import timezone
from accounts.models import Tenant
from jobs.models import Artifact, JobExecutionLog
from uuid import uuid4
past = timezone.now() - timedelta(days=1)
tenant = Tenant.objects.first()
jobs = JobExecutionLog.objects.bulk_create(
    JobExecutionLog(
        tenant=tenant, report_uuid=uuid4(), report_slug="r", report_name="R", version_number=1, format="csv",
        requested_by_name="a", status="Succeeded", queued_at=past, available_at=past, started_at=past, ended_at=past,
        max_attempts=1, timeout_seconds=1, turn=1,
    )
    for _ in range(2500)
)
Artifact.objects.bulk_create(
    Artifact(job=job, fence=1, size=1, sha256="0" * 64, rows=1, stamp="s", expires_at=past) for job in jobs
)
"""
_COMMIT_ALL_THE_TIME = """
import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
database.execute("create table busy (n integer)")
while True:
    database.execute("insert into busy values (1)")
    time.sleep(0.01)
"""
