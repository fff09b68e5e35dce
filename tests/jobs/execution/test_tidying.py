"""Deleting what nobody needs any more takes a share of time, and is decided by the database's clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connections
from django.db.models.functions import Now  # noqa: TID251 - as in the code that is tested
from pytest_django import Settings

from accounts.models import RefreshSession, User
from jobs.execution.tidying import STEPS, Tidying
from jobs.models import Artifact, JobExecutionLog
from jobs.results import retention, stray_files
from reportserver.auth.sessions import SessionStore
from tests.jobs.helpers import succeed_with

pytestmark = pytest.mark.django_db(databases={"default", settings.COUNTERS_DATABASE})


def finish(tidying: Tidying) -> int:
    """Work until the tidying has ended. Return the number of rounds."""
    rounds = 1
    tidying.work_for(seconds=0.02)
    while tidying._work is not None:
        tidying.work_for(seconds=0.02)
        rounds += 1
    return rounds


def test_many_folders_are_spread_over_many_rounds(db: None, settings: Settings, tmp_path: Path) -> None:
    settings.ARTIFACTS_DIR = tmp_path
    for _ in range(3000):
        job = str(uuid4())
        (tmp_path / job[:2] / job).mkdir(parents=True)
    assert finish(Tidying([stray_files.delete_stray_files])) > 5


def test_after_the_last_step_it_rests(db: None) -> None:
    calls = []

    def step() -> Iterator[int]:
        calls.append(1)
        yield 0

    tidying = Tidying([step])
    for _ in range(3):
        tidying.work_for(seconds=1)
    assert calls == [1]


def test_a_step_that_fails_stops_no_other(claimed: JobExecutionLog, monkeypatch: pytest.MonkeyPatch) -> None:
    # After an error, connections are closed. On PostgreSQL that would end the test's transaction.
    monkeypatch.setattr(connections, "close_all", lambda: None)
    result_file = succeed_with(claimed, b"x")

    def broken() -> Iterator[int]:
        yield 1
        raise OSError("the disk is gone")

    Artifact.objects.update(expires_at=Now())
    finish(Tidying([broken, retention.purge_expired]))
    assert not result_file.exists()


def test_only_sessions_that_have_ended_are_deleted(user: User) -> None:
    keys = {}
    for name, seconds in (("ended", -1), ("valid", 60)):
        session = SessionStore()
        session.set_expiry(seconds)
        session.create()
        keys[name] = session.session_key
        RefreshSession.objects.create(user=user, digest=name, expires_at=Now() + timedelta(seconds=seconds))
        # Its access tokens may be valid for longer than it can be refreshed.
        RefreshSession.objects.create(user=user, digest=f"{name} long ago", expires_at=Now() - timedelta(days=2))
    settings_minutes = settings.SIMPLE_JWT["ACCESS_TOKEN_LIFETIME"]
    assert timedelta(0) < settings_minutes < timedelta(days=2)
    finish(Tidying(STEPS))
    assert list(Session.objects.values_list("session_key", flat=True)) == [keys["valid"]]
    assert set(RefreshSession.objects.values_list("digest", flat=True)) == {"ended", "valid"}
