"""Schedules that send their results, and jobs of theirs that succeed."""

from __future__ import annotations

import json
from typing import Any

from accounts.models import User
from jobs.execution import transitions
from jobs.models import JobExecutionLog
from schedules import actions
from schedules.models import Schedule
from tests.jobs.helpers import reload, succeed_with
from tests.reports.api.clients import client
from tests.schedules.conftest import ENTRY

URL = "/api/v1/schedules"
BODY = {name: value for name, value in ENTRY.items() if name != "tenant"} | {"formats": ["csv"]}
MAIL: dict[str, Any] = {"name": "mail", "kind": "email", "to": ["bob@example.com"]}


def save(username: str, *deliveries: dict[str, Any], **fields: Any) -> Any:
    body = json.dumps(BODY | {"deliveries": list(deliveries)} | fields)
    return client(username).post(URL, body, content_type="application/json")


def schedule_with(*deliveries: dict[str, Any], username: str = "alice") -> Schedule:
    answer = save(username, *deliveries, run_as="user:bob")
    assert answer.status_code == 201, answer.content
    return Schedule.objects.get(pk=answer.json()["id"])


def run(schedule: Schedule, **outcome: Any) -> JobExecutionLog:
    """Run the schedule now, and let its job succeed."""
    actions.run_now(schedule=schedule, actor="tester")
    return end(**outcome)


def end(**outcome: Any) -> JobExecutionLog:
    job = transitions.claim(owner="w", host="h", pid=1)
    assert job
    succeed_with(job, b"a,b\r\n1,2\r\n", **outcome)
    return reload(job)


def states(job: JobExecutionLog) -> dict[str, str]:
    return dict(job.deliveries.values_list("name", "state"))


def errors(answer: Any) -> dict[str, list[str]]:
    assert answer.status_code == 400, answer.content
    return dict(answer.json()["fields"])


def alice() -> User:
    return User.objects.get(username="alice")
