"""The sample's people and reports, and schedules that are due at chosen times."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from reports.models import ReportConfiguration
from schedules import actions, slots
from schedules.definitions import parse_schedule
from schedules.models import Schedule
from tests.reports.choices.conftest import places  # noqa: F401 - a fixture for the tests of this folder
from tests.reports.definitions.sample_file import apply_definitions, sample
from tests.sinks import Mails, mail_sink

MakeSchedule = Callable[..., Schedule]
ENTRY: dict[str, Any] = {
    "slug": "hourly",
    "tenant": "acme",
    "report": "carrier-delays",
    "cron": "0 * * * *",
    "parameters": {"start": "now-1M/M", "end": "now/M-1d"},
}


@pytest.fixture
def sales(db: None, tmp_path: Path) -> ReportConfiguration:
    apply_definitions(tmp_path, sample())
    return ReportConfiguration.objects.get(slug="carrier-delays")


@pytest.fixture
def bob(sales: ReportConfiguration) -> User:
    return User.objects.get(username="bob")


@pytest.fixture
def mailable(bob: User) -> None:
    """Bob has an e-mail address."""
    User.objects.filter(pk=bob.pk).update(email="bob@example.com")


@pytest.fixture
def mails(settings: Any) -> Iterator[Mails]:
    with mail_sink() as sink:
        settings.EMAIL_BACKEND = "jobs.delivery.senders.smtp.EmailBackend"
        settings.EMAIL_CONFIGURED, settings.EMAIL_HOST, settings.EMAIL_PORT = True, "127.0.0.1", sink.port
        yield sink


@pytest.fixture
def make_schedule(bob: User) -> MakeSchedule:
    """Return a function that creates bob's schedule; `due`: since when its times have no slots."""

    def make(*, due: timedelta | None = None, **fields: Any) -> Schedule:
        schedule = actions.create_schedule(definition=parse_schedule(ENTRY | fields), tenant=bob.tenant, actor=bob)
        if due is not None:
            rewind(schedule, due)
        return schedule

    return make


def rewind(schedule: Schedule, by: timedelta) -> None:
    """Let the times of the last while have no slots, as if no server had run."""
    schedule = Schedule.objects.complete().get(pk=schedule.pk)
    Schedule.objects.filter(pk=schedule.pk).update(next_at=schedule.next_time(after=timezone.now() - by))


def record(schedule: Schedule) -> list[tuple[datetime, str]]:
    """Let a scheduler find the schedule. Return its slots' times and states, the first one first."""
    slots.record_due(schedule.pk)
    return states(schedule)


def states(schedule: Schedule) -> list[tuple[datetime, str]]:
    return list(schedule.slots.order_by("time").values_list("time", "state"))


def hour(offset: int = 0) -> datetime:
    """Return the start of this hour, or of one before."""
    return timezone.now().astimezone(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=offset)
