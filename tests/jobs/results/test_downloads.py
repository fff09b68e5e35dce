"""Headers of downloads, and results that are purged or restored.

The rest is tested through the API, in tests/acceptance/test_us096_*.py.
"""

from __future__ import annotations

import logging
import os
import resource
from pathlib import Path

import pytest

from accounts.models import User
from audit.models import Action, AuditLog
from jobs.exceptions import JobNotFound, ResultMissing, StorageUnavailable
from jobs.models import Artifact, JobExecutionLog
from jobs.results import downloads, retention
from jobs.results.downloads import content_disposition
from jobs.results.stores.folder import file_stamp
from tests.jobs.results.conftest import DATA


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sales.csv", 'attachment; filename="sales.csv"'),
        (
            "Größe & Co.pdf",
            "attachment; filename=\"groe-co.pdf\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%26%20Co.pdf",
        ),
        (
            '日本 ".csv',
            "attachment; filename=\"report.csv\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC%20%22.csv",
        ),
    ],
)
def test_a_file_has_an_ascii_name_and_its_real_one(name: str, expected: str) -> None:
    assert content_disposition(name) == expected


def as_read_before(job: JobExecutionLog) -> JobExecutionLog:
    """The job as a download reads it before something else happens."""
    return JobExecutionLog.objects.select_related("artifact").get(pk=job.pk)


def test_a_result_that_is_purged_beside_a_download_is_not_missing(
    result_file: Path, claimed: JobExecutionLog, user: User, caplog: pytest.LogCaptureFixture
) -> None:
    job = as_read_before(claimed)
    assert retention.purge(Artifact.objects.get(), actor="system")
    with caplog.at_level(logging.CRITICAL), pytest.raises(JobNotFound):
        downloads.first_bytes(job, user, 10)
    assert not caplog.records
    assert not AuditLog.objects.filter(action="Result Missing").exists()


def test_a_result_that_is_gone_without_a_purge_is_missing(
    result_file: Path, claimed: JobExecutionLog, user: User
) -> None:
    result_file.unlink()
    with pytest.raises(ResultMissing):
        downloads.first_bytes(as_read_before(claimed), user, 10)


def test_a_result_is_not_missing_while_the_share_is_not_mounted(
    result_file: Path, wrong_store: Path, claimed: JobExecutionLog, user: User
) -> None:
    result_file.unlink()
    with pytest.raises(StorageUnavailable):
        downloads.first_bytes(as_read_before(claimed), user, 10)
    assert not AuditLog.objects.filter(action=Action.RESULT_MISSING).exists()


def test_a_result_is_not_missing_while_the_store_cannot_be_opened(
    store: Path, result_file: Path, claimed: JobExecutionLog, user: User
) -> None:
    store.rename(store.with_name("elsewhere"))
    store.symlink_to(store.name)
    with pytest.raises(StorageUnavailable):
        downloads.first_bytes(as_read_before(claimed), user, 10)


def test_a_result_is_not_missing_when_no_more_files_can_be_opened(
    result_file: Path, claimed: JobExecutionLog, user: User
) -> None:
    job = as_read_before(claimed)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, limits[1]))
    try:
        with pytest.raises(StorageUnavailable):
            downloads.first_bytes(job, user, 10)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_a_restored_result_is_read_as_a_whole_only_once(
    result_file: Path, claimed: JobExecutionLog, user: User
) -> None:
    result_file.unlink()
    result_file.write_bytes(DATA)
    assert downloads.first_bytes(as_read_before(claimed), user, 6) == DATA[:6]
    with result_file.open("rb") as file:
        assert Artifact.objects.get().stamp == file_stamp(file), "every range of it would read the whole file"
