"""A claimed job, for tests of the database helpers on a real table."""

from __future__ import annotations

from tests.jobs.conftest import claimed, queued, report, user

__all__ = ["claimed", "queued", "report", "user"]
