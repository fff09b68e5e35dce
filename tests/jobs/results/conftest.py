"""A job that succeeded, with its result file."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from jobs.models import JobExecutionLog
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
