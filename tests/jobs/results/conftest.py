"""A job that succeeded, with its result file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.cache import cache
from pytest_django import Settings

from jobs.models import JobExecutionLog
from jobs.results import store as result_store
from jobs.results.stores.base import MARKER
from jobs.results.stores.folder import FolderStore
from tests.jobs.helpers import succeed_with

DATA = b"region,total\r\nnorth,1\r\n"


@pytest.fixture(autouse=True)
def store(settings: Settings, tmp_path: Path) -> Path:
    """The folder of results, empty."""
    settings.ARTIFACTS_DIR = tmp_path / "artifacts"
    settings.ARTIFACTS_DIR.mkdir()
    return settings.ARTIFACTS_DIR


@pytest.fixture
def result_file(claimed: JobExecutionLog) -> Path:
    """The result file of the job `claimed`, which succeeded."""
    return succeed_with(claimed, DATA)


@pytest.fixture
def wrong_store(store: Path, result_file: Path) -> Iterator[Path]:
    """The marker of the store, which was replaced: by now, another installation's share is mounted."""
    cache.clear()
    result_store.mark()
    FolderStore(store).write_marker("another")
    yield store / MARKER
    cache.clear()
