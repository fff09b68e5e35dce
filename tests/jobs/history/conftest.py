"""Time passes at once: all that tests write is old."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.cache import cache
from django.utils import timezone
from pytest_django import Settings

from jobs.history import archiving
from jobs.models import Artifact, Delivery, JobExecutionLog
from jobs.results import store as result_store
from tests.jobs.delivery.helpers import Succeed


@pytest.fixture(autouse=True)
def store(settings: Settings, tmp_path: Path, db: None) -> Iterator[Path]:
    """The folder of results, empty and marked."""
    settings.ARTIFACTS_DIR = tmp_path / "artifacts"
    settings.ARTIFACTS_DIR.mkdir()
    cache.clear()
    result_store.mark()
    yield settings.ARTIFACTS_DIR
    cache.clear()


@pytest.fixture(autouse=True)
def everything_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archiving, "limit", lambda: timezone.now() + timedelta(days=1))


@pytest.fixture
def old_job(succeed: Succeed) -> Callable[[], JobExecutionLog]:
    """Return a function that makes a job whose result was purged, and all of whose deliveries have ended."""

    def make() -> JobExecutionLog:
        job = succeed()
        Artifact.objects.filter(job=job).update(purged_at=timezone.now())
        Delivery.objects.filter(job=job).update(state="sent", ended_at=timezone.now())
        return job

    return make


@pytest.fixture
def archived(old_job: Callable[[], JobExecutionLog]) -> JobExecutionLog:
    """A job that is archived, with all of the audit log."""
    job = old_job()
    assert sum(archiving.archive_history()) >= 1
    return job
