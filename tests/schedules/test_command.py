"""manage.py schedules."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from jobs.models import JobExecutionLog
from schedules.models import Schedule
from tests.schedules.conftest import MakeSchedule


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("schedules", *arguments, stdout=out)
    return out.getvalue()


def test_schedules_are_listed_shown_run_paused_and_resumed(make_schedule: MakeSchedule) -> None:
    make_schedule(time_zone="Europe/Berlin")
    listed = run("list").splitlines()
    assert "carrier-delays" in listed[1] and "active" in listed[1]
    assert run("run", "hourly").strip() == f"Queued job {JobExecutionLog.objects.get().pk}."
    assert json.loads(run("show", "hourly"))["slots"][0]["kind"] == "manual"
    assert run("pause", "hourly").strip() == "Paused hourly."
    assert "paused" in run("list") and json.loads(run("list", "--json"))[0]["paused"] is True
    assert run("resume", "hourly").startswith("Resumed hourly. Next: ")
    assert Schedule.objects.get().next_at
    times = run("next", "hourly", "--count", "3").split()
    assert len(times) == 3 and all(time.endswith(("+01:00", "+02:00")) for time in times)


def test_an_unknown_schedule_is_named(make_schedule: MakeSchedule) -> None:
    with pytest.raises(CommandError, match="Schedule 'nothing' does not exist"):
        run("show", "nothing")
