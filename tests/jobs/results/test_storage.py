"""Result files: published whole, checked when opened, collected when nobody needs them."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from audit.models import AuditLog
from jobs.exceptions import ResultMissing
from jobs.execution import reconciler, transitions
from jobs.models import Artifact, JobExecutionLog
from jobs.results import publishing, retention, storage

DATA = b"region,total\r\nnorth,1\r\n"
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def written(claimed: JobExecutionLog) -> Path:
    """The file of a job that succeeded."""
    draft = storage.draft_path(claimed.pk, claimed.fence)
    draft.write_bytes(DATA)
    final = storage.result_path(claimed.pk, claimed.fence, "csv")
    stamp = publishing.publish(draft, final)
    result = {"rows": 1, "size": len(DATA), "sha256": DIGEST, "truncated": None, "stamp": stamp}
    assert transitions.succeed(claimed, result)
    return final


def opened(path: Path) -> bytes:
    kept = Artifact.objects.get()
    with storage.open_verified(path, size=kept.size, sha256=kept.sha256, stamp=kept.stamp) as file:
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


@pytest.mark.parametrize("linked", ["the job's folder", "the folder of folders"])
def test_a_result_whose_folder_is_a_link_out_of_the_store_is_missing(
    written: Path, linked: str, tmp_path: Path
) -> None:
    folder = written.parent if linked == "the job's folder" else written.parent.parent
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert written.read_bytes() == DATA
    try:
        with pytest.raises(ResultMissing):
            opened(written)
    finally:
        folder.unlink()


def test_the_store_itself_may_be_a_link(written: Path, tmp_path: Path, settings: Any) -> None:
    (tmp_path / "store").symlink_to(settings.ARTIFACTS_DIR)
    path = tmp_path / "store" / written.relative_to(settings.ARTIFACTS_DIR)
    settings.ARTIFACTS_DIR = tmp_path / "store"
    assert opened(path) == DATA


def test_a_pipe_in_place_of_a_result_is_missing_and_not_waited_for(written: Path) -> None:
    written.unlink()
    os.mkfifo(written)
    with pytest.raises(ResultMissing):
        opened(written)


def test_an_opened_result_is_read_as_any_file_and_leaves_no_descriptor_behind(written: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    kept = Artifact.objects.get()
    with storage.open_verified(written, size=kept.size, sha256=kept.sha256, stamp=kept.stamp) as file:
        assert os.get_blocking(file.fileno())
        reader, writer = socket.socketpair()
        with reader, writer:
            assert writer.sendfile(file) == len(DATA)
            assert reader.recv(100) == DATA
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_purging_deletes_the_file_and_keeps_the_job(written: Path, claimed: JobExecutionLog) -> None:
    assert retention.purge_expired() == 0
    Artifact.objects.update(expires_at=timezone.now())
    assert retention.purge_expired() == 1
    assert not written.exists()
    job = JobExecutionLog.objects.select_related("artifact").get(pk=claimed.pk)
    assert (job.status, job.result) == ("Succeeded", None)
    assert AuditLog.objects.filter(action="Result Purge").count() == 1
    assert retention.purge_expired() == 0


def test_strays_are_collected_and_results_are_not(written: Path, claimed: JobExecutionLog) -> None:
    stray = storage.draft_path(claimed.pk, 99)
    stray.write_bytes(b"half")
    spill = stray.with_suffix(".spill")
    spill.mkdir()
    long_ago = (timezone.now() - timedelta(hours=2)).timestamp()
    for path in (stray, spill, written):
        os.utime(path, (long_ago, long_ago))
    assert reconciler.delete_stray_files() == 1
    assert not stray.exists() and not spill.exists()
    assert opened(written) == DATA


def test_the_file_of_a_running_attempt_is_no_stray(queued: Callable[[], JobExecutionLog]) -> None:
    queued()
    job = transitions.claim(owner="w", host="h", pid=1)
    assert job is not None
    draft = storage.draft_path(job.pk, job.fence)
    draft.write_bytes(b"half")
    long_ago = (timezone.now() - timedelta(hours=2)).timestamp()
    os.utime(draft, (long_ago, long_ago))
    reconciler.delete_stray_files()
    assert draft.exists()
