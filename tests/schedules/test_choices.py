"""Slots of schedules whose parameters are chosen from a query."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from accounts.models import User
from jobs.models import JobExecutionLog
from reports.choices import checking
from schedules import actions, slots
from schedules.definitions import parse_schedule
from schedules.models import Schedule, Slot
from tests.reports.api.clients import client
from tests.schedules.conftest import ENTRY, rewind

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("places")]


def make_due(**parameters: object) -> Schedule:
    bob = User.objects.get(username="bob")
    entry = ENTRY | {"cron": "* * * * *", "parameters": parameters}
    schedule = actions.create_schedule(definition=parse_schedule(entry), tenant=bob.tenant, actor=bob)
    rewind(schedule, timedelta(minutes=1))
    return schedule


def first_slot(schedule: Schedule) -> Slot:
    slots.record_due(schedule.pk)
    return schedule.slots.earliest("time")


def test_a_slot_looks_the_value_up_and_its_job_has_the_label() -> None:
    slot = first_slot(make_due(country="DE", airport=["HAM"]))
    assert slot.job and slot.job.parameter_labels == {"country": "DE", "airport": ["Hamburg"]}


def test_a_choice_that_has_vanished_fails_the_slot_with_a_sentence(places: Path) -> None:
    schedule = make_due(country="DE", airport=["HAM"])
    with closing(sqlite3.connect(places)) as database, database:
        database.execute("delete from airport where code = 'HAM'")
    slot = first_slot(schedule)
    assert (slot.state, slot.reason) == ("Failed", "airport: “HAM” is not one of the choices for Country “DE”.")
    assert not JobExecutionLog.objects.exists()


def test_a_source_that_is_down_fails_the_slot_with_a_sentence(places: Path) -> None:
    schedule = make_due(country="DE")
    places.unlink()
    slot = first_slot(schedule)
    assert slot.state == "Failed" and slot.reason.startswith("The choices of Country can't be read.")


def test_nothing_is_locked_while_a_query_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The query may take seconds, for which nobody else could write."""
    depths, around_the_test = list[int](), len(connection.atomic_blocks)
    run = checking.run_in_child

    def watched(*arguments: Any, **options: Any) -> Any:
        depths.append(len(connection.atomic_blocks) - around_the_test)
        return run(*arguments, **options)

    monkeypatch.setattr(checking, "run_in_child", watched)
    schedule = make_due(country="DE", airport=["HAM"])
    assert first_slot(schedule).state == "Created"
    answer = client("bob").post(f"/api/v1/schedules/{schedule.pk}/run")
    assert answer.status_code == 202, answer.content
    assert depths == [0, 0]
