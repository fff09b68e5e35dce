"""A job that succeeded, with its result file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from jobs.execution import transitions
from jobs.models import JobExecutionLog
from jobs.results import publishing, storage

DATA = b"region,total\r\nnorth,1\r\n"


@pytest.fixture
def result_file(claimed: JobExecutionLog) -> Path:
    """The result file of the job `claimed`, which succeeded."""
    draft = storage.draft_path(claimed.pk, claimed.fence)
    draft.write_bytes(DATA)
    path = storage.result_path(claimed.pk, claimed.fence, "csv")
    stamp = publishing.publish(draft, path)
    digest = hashlib.sha256(DATA).hexdigest()
    result = {"rows": 1, "size": len(DATA), "sha256": digest, "truncated": None, "stamp": stamp}
    assert transitions.succeed(claimed, result)
    return path
