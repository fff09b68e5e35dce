"""Archives survive a power cut, and leave nothing behind that nobody needs."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from audit.verification import verify_log
from jobs.history import archiving, files
from jobs.models import HistoryTurn, JobArchive, JobExecutionLog

MakeJob = Callable[[], JobExecutionLog]


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The inodes of files and folders that were synced."""
    found: list[int] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        found.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    return found


def test_the_first_archive_survives_a_power_cut(old_job: MakeJob, store: Path, synced: list[int]) -> None:
    """The rows are gone for good once they are deleted, so the new folders have to be there for good as well."""
    old_job()
    list(archiving.archive_history())
    archive = store / JobArchive.objects.get().name
    for path in (archive, archive.parent, archive.parent.parent, store):
        assert path.stat().st_ino in synced, path


def test_a_draft_of_a_process_that_was_killed_is_deleted(old_job: MakeJob, store: Path) -> None:
    """Even if another host has begun the next turn, which can't see this host's drafts."""
    old_job()
    draft = store / "history" / "jobs" / "x.ndjson.gz.part"
    draft.parent.mkdir(parents=True)
    draft.touch()
    HistoryTurn.objects.create(pk=1, pending="")
    list(archiving.archive_history())
    assert not draft.exists() and JobArchive.objects.exists()


def test_text_that_is_no_unicode_keeps_no_job_from_its_archive(old_job: MakeJob, store: Path) -> None:
    """JSON can spell half of a surrogate pair, so a column of JSON can have one."""
    job = old_job()
    JobExecutionLog.objects.filter(pk=job.pk).update(caller_values={"name": "a\udc80\u2028b"})
    list(archiving.archive_history())
    content = gzip.decompress((store / JobArchive.objects.get().name).read_bytes())
    assert json.loads(content)["caller_values"] == {"name": "a\udc80\u2028b"}


def test_an_archive_of_jobs_that_was_added_is_found(old_job: MakeJob, store: Path) -> None:
    """Somebody who has the database's password and the store pretends that there were other jobs."""
    old_job()
    list(archiving.archive_history())
    assert verify_log() is None
    written = files.write(files.new_name("jobs"), [b"{}\n"])
    first = JobArchive.objects.get()
    JobArchive.objects.create(jobs=1, first_at=first.first_at, last_at=first.last_at, **written._asdict())
    failure = verify_log()
    assert failure and "no entry records" in failure.reason


def test_an_archive_whose_time_was_changed_is_found(old_job: MakeJob) -> None:
    """Whoever looks for its jobs would not find them."""
    old_job()
    list(archiving.archive_history())
    JobArchive.objects.update(first_at="1990-01-01T00:00:00Z", last_at="1990-01-01T00:00:00Z")
    failure = verify_log()
    assert failure and "the row of the archive" in failure.reason
