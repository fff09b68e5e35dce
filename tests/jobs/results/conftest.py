"""A job that succeeded, with its result file."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.models import JobExecutionLog
from tests.jobs.helpers import succeed_with

DATA = b"region,total\r\nnorth,1\r\n"


@pytest.fixture
def result_file(claimed: JobExecutionLog) -> Path:
    """The result file of the job `claimed`, which succeeded."""
    return succeed_with(claimed, DATA)
