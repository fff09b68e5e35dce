"""Result files: published whole, checked when opened, collected when nobody needs them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from audit.models import AuditLog
from jobs import artifacts, lifecycle, purge, reconciler
from jobs.exceptions import ResultMissing
from jobs.models import Artifact, JobExecutionLog

DATA = b"region,total\r\nnorth,1\r\n"
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def written(claimed: JobExecutionLog) -> Path:
    """The file of a job that succeeded."""
    draft = artifacts.draft(claimed.pk, claimed.fence)
    draft.write_bytes(DATA)
    final = artifacts.place(claimed.pk, claimed.fence, "csv")
    stamp = artifacts.publish(draft, final)
    result = {"rows": 1, "size": len(DATA), "sha256": DIGEST, "truncated": None, "stamp": stamp}
    assert lifecycle.succeed(claimed, result)
    return final


def opened(path: Path) -> bytes:
    kept = Artifact.objects.get()
    with artifacts.open_checked(path, size=kept.size, sha256=kept.sha256, written=kept.stamp) as file:
        return file.read()


def test_a_result_that_is_as_written_is_opened(written: Path) -> None:
    assert opened(written) == DATA


def test_a_result_restored_from_a_backup_is_opened(written: Path) -> None:
    written.unlink()
    written.write_bytes(DATA)
    assert opened(written) == DATA


@pytest.mark.parametrize("harm", ["gone", "changed", "changed behind its times", "longer", "a link to another file"])
def test_a_result_that_is_not_what_was_written_is_missing(written: Path, harm: str, tmp_path: Path) -> None:
    other = DATA.replace(b"1", b"2")
    before = written.stat()
    if harm == "changed" or harm == "changed behind its times":
        written.write_bytes(other)
    if harm == "changed behind its times":
        os.utime(written, ns=(before.st_atime_ns, before.st_mtime_ns))
    if harm == "longer":
        written.write_bytes(DATA + b"x")
    if harm.startswith(("gone", "a link")):
        written.unlink()
    if harm == "a link to another file":
        (tmp_path / "same").write_bytes(DATA)
        written.symlink_to(tmp_path / "same")
    with pytest.raises(ResultMissing):
        opened(written)


def test_purging_deletes_the_file_and_keeps_the_job(written: Path, claimed: JobExecutionLog) -> None:
    assert purge.purge_expired() == 0
    Artifact.objects.update(expires_at=timezone.now())
    assert purge.purge_expired() == 1
    assert not written.exists()
    job = JobExecutionLog.objects.select_related("artifact").get(pk=claimed.pk)
    assert (job.status, job.result) == ("Succeeded", None)
    assert AuditLog.objects.filter(action="Result Purge").count() == 1
    assert purge.purge_expired() == 0


def test_strays_are_collected_and_results_are_not(written: Path, claimed: JobExecutionLog) -> None:
    stray = artifacts.draft(claimed.pk, 99)
    stray.write_bytes(b"half")
    spill = stray.with_suffix(".spill")
    spill.mkdir()
    long_ago = (timezone.now() - timedelta(hours=2)).timestamp()
    for path in (stray, spill, written):
        os.utime(path, (long_ago, long_ago))
    assert reconciler.collect_strays() == 1
    assert not stray.exists() and not spill.exists()
    assert opened(written) == DATA


def test_the_file_of_a_running_attempt_is_no_stray(queued: Callable[[], JobExecutionLog]) -> None:
    queued()
    job = lifecycle.claim(owner="w", host="h", pid=1)
    assert job is not None
    draft = artifacts.draft(job.pk, job.fence)
    draft.write_bytes(b"half")
    long_ago = (timezone.now() - timedelta(hours=2)).timestamp()
    os.utime(draft, (long_ago, long_ago))
    reconciler.collect_strays()
    assert draft.exists()
