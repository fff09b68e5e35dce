"""A report with a value for each recipient, and a table that names the recipients."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from accounts.models import User
from schedules import actions
from schedules.models import Schedule, Slot, SlotRecipient
from tests.reports.definitions.sample_file import apply_definitions, create_flights, sample
from tests.schedules.sending import save

Row = tuple[object, ...]
People = Callable[[Iterable[Row]], None]
MAIL: dict[str, Any] = {"name": "mail", "kind": "email", "subject": "{recipient.name}: {parameter.carrier}"}
RECIPIENTS: dict[str, Any] = {
    "query": "select id, carrier, seats, email, name from person order by rowid",
    "data_source": "people",
    "key": "id",
    "parameters": {"carrier": "carrier", "seats": "seats"},
    "to": "email",
    "at_most": 5,
}
#: Ann and Ben have a job each.
ANN: Row = ("a1", "UA", 10, "ann@example.com", "Ann")
BEN: Row = ("b2", "AA", 20, "ben@example.com", "Ben")


def with_people() -> dict[str, Any]:
    data = sample()
    data["data_sources"].append({"slug": "people", "tenant": "acme", "kind": "sqlite", "location": "data/people.db"})
    data["reports"][0] |= {
        "query": "select carrier, :seats as seats from flights where carrier = :carrier",
        "parameters": [
            {"name": "carrier", "type": "string", "required": True, "pattern": "[A-Z]{2}"},
            {"name": "seats", "type": "integer", "maximum": 500},
        ],
        "formats": ["csv"],
    }
    return data


@pytest.fixture
def people(db: None, tmp_path: Path) -> People:
    """Bob's report, and a function that sets the rows of the table of people: id, carrier, seats, email, name."""
    create_flights(tmp_path)
    apply_definitions(tmp_path, with_people())
    User.objects.filter(username="bob").update(email="bob@example.com")
    path = tmp_path / "data/people.db"

    def fill(rows: Iterable[Row]) -> None:
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("drop table if exists person")
            database.execute("create table person (id, carrier, seats, email, name)")
            database.executemany("insert into person values (?, ?, ?, ?, ?)", rows)

    fill([ANN, BEN])
    return fill


def burst_with(*deliveries: dict[str, Any], username: str = "alice", **fields: Any) -> Any:
    """Save a schedule of bob's that bursts; return the answer."""
    given = {"parameters": {}, "recipients": RECIPIENTS, "run_as": "user:bob"} | fields
    return save(username, *deliveries, **given)


def bursting(*deliveries: dict[str, Any], **fields: Any) -> Schedule:
    answer = burst_with(*(deliveries or [MAIL]), **fields)
    assert answer.status_code == 201, answer.content
    return Schedule.objects.get(pk=answer.json()["id"])


def run_burst(schedule: Schedule) -> Slot:
    return actions.run_now(schedule=schedule, actor="tester")


def outcomes(slot: Slot) -> dict[str, str]:
    """Return by key the reason why there is no job; "" where there is one, with what was left out."""
    return {each.key: each.reason for each in slot.recipients.all()}


def child(slot: Slot, key: str) -> SlotRecipient:
    return slot.recipients.select_related("job").get(key=key)
