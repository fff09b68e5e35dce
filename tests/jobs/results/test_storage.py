"""Result files: verified when they are opened, and deleted when no job needs them."""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.utils import timezone

from jobs import failures
from jobs.clock import from_now
from jobs.exceptions import ResultMissing, WrongStore
from jobs.execution import transitions
from jobs.models import Artifact, JobExecutionLog
from jobs.results import storage, stray_files
from jobs.results import store as result_store
from jobs.results.stores.base import OpenedFile
from jobs.results.stores.folder import FolderStore
from tests.jobs.helpers import write_draft
from tests.jobs.results.conftest import DATA


def open_verified(path: Path, artifact: Artifact) -> OpenedFile:
    name = str(path.relative_to(settings.ARTIFACTS_DIR))
    return result_store.current().open_verified(name, size=artifact.size, sha256=artifact.sha256, stamp=artifact.stamp)


def read_verified(path: Path) -> bytes:
    artifact = Artifact.objects.get()
    opened = open_verified(path, artifact)
    with opened.file as file:
        return file.read()


def test_a_published_result_is_opened(result_file: Path) -> None:
    assert read_verified(result_file) == DATA


def test_a_result_restored_from_a_backup_is_opened(result_file: Path) -> None:
    result_file.unlink()
    result_file.write_bytes(DATA)
    assert read_verified(result_file) == DATA


@pytest.mark.parametrize("change", ["gone", "changed", "changed, with the old times", "longer", "a link"])
def test_a_changed_result_is_missing(result_file: Path, change: str, tmp_path: Path) -> None:
    before = result_file.stat()
    if change.startswith("changed"):
        result_file.write_bytes(DATA.replace(b"1", b"2"))
    if change == "changed, with the old times":
        os.utime(result_file, ns=(before.st_atime_ns, before.st_mtime_ns))
    if change == "longer":
        result_file.write_bytes(DATA + b"x")
    if change in ("gone", "a link"):
        result_file.unlink()
    if change == "a link":
        (tmp_path / "same").write_bytes(DATA)
        result_file.symlink_to(tmp_path / "same")
    with pytest.raises(ResultMissing):
        read_verified(result_file)


@pytest.mark.parametrize("levels", [1, 2])
def test_a_result_below_a_linked_folder_is_missing(result_file: Path, levels: int, tmp_path: Path) -> None:
    folder = result_file.parents[levels - 1]
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert result_file.read_bytes() == DATA
    try:
        with pytest.raises(ResultMissing):
            read_verified(result_file)
    finally:
        folder.unlink()


def test_the_store_itself_may_be_a_link(result_file: Path, tmp_path: Path, settings: Any) -> None:
    (tmp_path / "store").symlink_to(settings.ARTIFACTS_DIR)
    path = tmp_path / "store" / result_file.relative_to(settings.ARTIFACTS_DIR)
    settings.ARTIFACTS_DIR = tmp_path / "store"
    assert read_verified(path) == DATA


def test_opening_a_pipe_in_place_of_a_result_does_not_block(result_file: Path) -> None:
    result_file.unlink()
    os.mkfifo(result_file)
    with pytest.raises(ResultMissing):
        read_verified(result_file)


def test_an_opened_result_is_an_ordinary_file_and_leaks_no_descriptor(result_file: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    artifact = Artifact.objects.get()
    opened = open_verified(result_file, artifact)
    with opened.file as file:
        assert os.get_blocking(file.fileno())
        reader, writer = socket.socketpair()
        with reader, writer:
            assert writer.sendfile(file) == len(DATA)
            assert reader.recv(100) == DATA
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_stray_files_of_ended_jobs_are_deleted_and_results_are_kept(
    result_file: Path, claimed: JobExecutionLog
) -> None:
    stray = write_draft(claimed, b"half", stem="99")
    spill = stray.with_suffix(".spill")
    spill.mkdir()
    assert delete_stray_files() == 0, "a worker that lost the job may still be writing"
    end_long_ago(claimed)
    assert delete_stray_files() == 1
    assert not stray.exists() and not spill.exists()
    assert read_verified(result_file) == DATA


def test_the_empty_folder_of_a_failed_job_is_deleted(claimed: JobExecutionLog) -> None:
    write_draft(claimed, b"half").unlink()
    folder = storage.job_folder(claimed.pk)
    delete_stray_files()
    assert folder.exists(), "the job runs, and its process may be about to write"
    assert transitions.fail(claimed, failures.CANCELLED)
    end_long_ago(claimed)
    delete_stray_files()
    assert not folder.exists()


def test_the_file_of_a_running_attempt_is_not_stray(claimed: JobExecutionLog) -> None:
    draft = write_draft(claimed, b"half")
    age(draft, draft.parent)
    assert delete_stray_files() == 0
    assert draft.exists()


def test_files_of_an_unknown_job_are_deleted_once_they_are_old(db: None) -> None:
    draft = storage.draft_path(uuid4(), 1)
    draft.parent.mkdir(parents=True)
    draft.write_bytes(b"half")
    assert delete_stray_files() == 0
    age(draft, draft.parent)
    assert delete_stray_files() == 1
    assert not draft.parent.exists()


def test_in_the_store_of_another_installation_nothing_is_stray(wrong_store: Path, result_file: Path) -> None:
    other_s_result = storage.draft_path(uuid4(), "1")
    other_s_result.parent.mkdir(parents=True)
    other_s_result.write_bytes(b"theirs")
    age(other_s_result, other_s_result.parent)
    for replace_marker in (lambda: None, wrong_store.unlink):
        replace_marker()
        with pytest.raises(WrongStore):
            delete_stray_files()
        assert other_s_result.exists() and result_file.exists()


def test_a_share_that_is_changed_while_stray_files_are_deleted_loses_none(wrong_store: Path, store: Path) -> None:
    """After the first batch, a share of another installation takes the place of the store."""
    wrong_store.unlink()
    result_store.mark(adopt=True)
    drafts = [storage.draft_path(uuid4(), "1") for _ in range(300)]
    for draft in drafts:
        draft.parent.mkdir(parents=True)
        draft.touch()
        age(draft, draft.parent)
    batches = stray_files.delete_stray_files()
    deleted = next(batches)
    assert 0 < deleted < len(drafts)
    FolderStore(store).write_marker("another")
    with pytest.raises(WrongStore):
        next(batches)
    assert sum(draft.exists() for draft in drafts) == len(drafts) - deleted


def test_what_is_not_a_job_s_folder_stops_nothing(result_file: Path, claimed: JobExecutionLog) -> None:
    stray = write_draft(claimed, b"half", stem="99")
    end_long_ago(claimed)
    file_named_like_a_job = storage.job_folder(UUID(int=0))
    file_named_like_a_job.parent.mkdir(exist_ok=True)
    file_named_like_a_job.touch()
    assert delete_stray_files() == 1
    assert not stray.exists() and file_named_like_a_job.exists()
    file_named_like_a_job.unlink()


def delete_stray_files() -> int:
    return sum(stray_files.delete_stray_files())


def end_long_ago(job: JobExecutionLog) -> None:
    JobExecutionLog.objects.filter(pk=job.pk).update(ended_at=from_now(-7200))


def age(*paths: Path) -> None:
    two_hours_ago = (timezone.now() - timedelta(hours=2)).timestamp()
    for path in paths:
        os.utime(path, (two_hours_ago, two_hours_ago))
