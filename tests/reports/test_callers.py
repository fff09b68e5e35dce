"""Reports that depend on who runs them: each identity, each kind of attribute, at each place where a query runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from accounts.models import Tenant, User
from jobs import actions as jobs
from jobs.delivery import deliverer
from jobs.execution import transitions
from jobs.models import Delivery, JobExecutionLog
from reports import engine
from reports.definitions.errors import errors_in
from reports.exceptions import CallerAttributeMissing, InvalidDefinition
from reports.models import ReportConfiguration
from reports.parameters.caller import caller_values, from_stored, to_stored
from reports.run_spec import build_run_spec
from schedules import actions as schedules
from schedules import slots
from schedules.definitions import parse_schedule
from tests.jobs.helpers import succeed_with
from tests.reports.api.clients import client
from tests.reports.definitions.sample_file import ENV, apply_definitions, sample
from tests.schedules.conftest import ENTRY, rewind

pytestmark = pytest.mark.django_db(databases="__all__")
URL = "/api/v1/reports/carrier-delays"
ROWS = [("north", "ann", 1), ("north", "bob", 2), ("south", "bob", 4), ("west", "eve", 8)]
QUERY = "select region, amount from sale where region in :caller_region and (:who is null or who = :who)"
CHOICES = {"query": "select distinct who from sale where region in (:caller_region) order by who"}
PARAMETERS = [{"name": "who", "type": "string", "choices_query": CHOICES}]
ATTRIBUTES = {"region": {"type": "string", "multiple": True}, "level": {"type": "integer"}}


def definitions(**changes: Any) -> dict[str, Any]:
    data = sample()
    data["tenants"][0]["attributes"] = ATTRIBUTES
    data["users"] += [
        {"username": name, "tenant": "acme", "roles": ["analysts"], "password_env": "BOB_PASSWORD"}
        for name in ("carol", "dan")
    ]
    data["reports"][0] |= {"query": QUERY, "parameters": PARAMETERS, "formats": ["csv"]} | changes
    data["reports"][0]["grants"] = {"generate": ["analysts"], "view": ["analysts"]}
    return data


@pytest.fixture
def sales(tmp_path: Path) -> ReportConfiguration:
    (tmp_path / "data").mkdir()
    with closing(sqlite3.connect(tmp_path / "data/flights.db")) as database, database:
        database.execute("create table sale (region text, who text, amount integer)")
        database.executemany("insert into sale values (?, ?, ?)", ROWS)
    apply_definitions(tmp_path, definitions())
    return ReportConfiguration.objects.get(slug="carrier-delays")


def give(username: str, **attributes: object) -> User:
    user = User.objects.get(username=username)
    user.attributes = attributes
    user.save()
    return user


# --- Entry points: each returns the regions or people that the caller got, or the error code --------------------------


def run_job(username: str) -> list[str] | str:
    answer = client(username).post(f"{URL}/generate")
    if answer.status_code != 202:
        assert not JobExecutionLog.objects.exists()
        return str(answer.json()["code"])
    return rows_of(JobExecutionLog.objects.get(pk=answer.json()["jobId"]))


def rows_of(job: JobExecutionLog) -> list[str]:
    """Run the job as a worker does, and return the regions in its file."""
    assert job.version
    folder = Path(job.version.source().location).parent
    stored = JobExecutionLog.objects.get(pk=job.pk)
    spec = build_run_spec(
        job.version, stored.parameters, ["csv"], folder / "spill", labels={}, caller=stored.caller_values
    )
    engine.run(spec, folder / "out.csv", lambda *_: None)
    return sorted({line.split(",")[0] for line in (folder / "out.csv").read_text().splitlines()[1:]})


def preview(username: str) -> list[str] | str:
    answer = client(username).post(f"{URL}/validate", {"preview": True}, format="json")
    body = answer.json()
    return sorted({row[0] for row in body["preview"]["rows"]}) if answer.status_code == 200 else str(body["code"])


def list_choices(username: str) -> list[str] | str:
    answer = client(username).get(f"{URL}/parameters/who/choices")
    body = answer.json()
    return [choice["value"] for choice in body["choices"]] if answer.status_code == 200 else str(body["code"])


def run_schedule(username: str) -> list[str] | str:
    owner = User.objects.get(username=username)
    entry = ENTRY | {"cron": "* * * * *", "parameters": {}}
    schedule = schedules.create_schedule(definition=parse_schedule(entry), tenant=owner.tenant, actor=owner)
    rewind(schedule, timedelta(minutes=1))
    slots.record_due(schedule.pk)
    slot = schedule.slots.earliest("time")
    if slot.job is None:
        assert slot.state == "Failed" and f"{username} has no valid value of: region" in slot.reason
        return "caller_attribute_missing"
    assert (slot.job.ran_as_name, slot.job.is_scheduled) == (username, True)
    return rows_of(slot.job)


MISSING = "caller_attribute_missing"
PEOPLE = {"north": ["ann", "bob"], "south": ["bob"]}
IDENTITIES: list[tuple[dict[str, object], list[str] | str]] = [
    ({}, MISSING),
    ({"region": []}, MISSING),
    ({"region": "north"}, MISSING),
    ({"region": None}, MISSING),
    ({"region": [1]}, MISSING),
    ({"region": ["north"]}, ["north"]),
    ({"region": ["north", "south"]}, ["north", "south"]),
    ({"region": ["x') or 1=1 --"]}, []),
]


@pytest.mark.usefixtures("sales")
@pytest.mark.parametrize(("attributes", "expected"), IDENTITIES)
@pytest.mark.parametrize(
    ("entry_point", "username"),
    [(run_job, "bob"), (run_job, "alice"), (preview, "alice"), (list_choices, "bob"), (run_schedule, "bob")],
)
def test_everybody_gets_their_own_rows_everywhere(
    attributes: dict[str, object],
    expected: list[str] | str,
    entry_point: Callable[[str], list[str] | str],
    username: str,
) -> None:
    give(username, **attributes)
    if entry_point is list_choices and isinstance(expected, list):
        expected = sorted({person for region in expected for person in PEOPLE[region]})
    assert entry_point(username) == expected


@pytest.mark.usefixtures("sales")
@pytest.mark.parametrize("name", ["caller_region", "region", "caller_username"])
def test_a_client_can_supply_none_of_it(name: str) -> None:
    give("bob", region=["north"])
    answer = client("bob").post(f"{URL}/generate", {"parameters": {name: ["south"]}}, format="json")
    assert (answer.status_code, list(answer.json()["fields"])) == (400, [name])
    assert client("bob").get(f"{URL}/parameters/who/choices?p.{name}=south").status_code == 400


def test_an_attribute_that_is_not_declared_any_more_is_missing(sales: ReportConfiguration) -> None:
    give("bob", region=["north"])
    Tenant.objects.update(attributes={})
    assert run_job("bob") == MISSING
    Tenant.objects.update(attributes={"region": {"type": "integer", "multiple": True}})
    assert run_job("bob") == MISSING


@pytest.mark.usefixtures("sales")
def test_a_value_outside_of_the_callers_choices_is_refused() -> None:
    give("bob", region=["south"])
    answer = client("bob").post(f"{URL}/generate", {"parameters": {"who": "ann"}}, format="json")
    assert answer.json()["fields"] == {"who": ["“ann” is not one of the choices."]}


def test_missing_comes_before_state_and_input(sales: ReportConfiguration, tmp_path: Path) -> None:
    apply_definitions(tmp_path, definitions(delivery=[{"kind": "api_response", "mode": "synchronous"}]))
    answer = client("bob").post(f"{URL}/generate", {"parameters": {"nobody": 1}}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, MISSING)


def test_names_and_values_of_every_type_come_back_equal(sales: ReportConfiguration) -> None:
    Tenant.objects.update(
        attributes={
            "since": {"type": "date"},
            "rate": {"type": "number"},
            "days": {"type": "datetime", "multiple": True},
        }
    )
    bob = give("bob", since="2013-01-31", rate=0.1, days=["2013-01-31T01:00:00Z"])
    bob.email = "bob@example.com"
    values = caller_values(bob, ["username", "email", "since", "rate", "days"])
    assert from_stored(to_stored(values)) == values
    assert values["caller_username"].value == "bob"
    with pytest.raises(CallerAttributeMissing, match="the operator has no valid value of: username"):
        caller_values("operator", ["username"])
    bob.attributes["since"] = "today"
    with pytest.raises(CallerAttributeMissing):
        caller_values(bob, ["since"])


# --- Who sees the job -------------------------------------------------------------------------------------------------


@pytest.fixture
def bobs_job(sales: ReportConfiguration) -> JobExecutionLog:
    """A finished job that ran as bob."""
    for name in ("bob", "carol"):
        give(name, region=["north"])
    jobs.submit(report=sales, actor=User.objects.get(username="bob"), parameters={})
    job = transitions.claim(owner="w", host="h", pid=1)
    assert job
    succeed_with(job, b"region,amount\r\n")
    return JobExecutionLog.objects.get()


def status_of(username: str, path: str) -> int:
    response = client(username).get(f"/api/v1/jobs{path}")
    if response.streaming:
        # Closing it, instead of reading it, would close the test's connection to PostgreSQL.
        b"".join(response)
    return int(response.status_code)


def statuses(username: str, job: JobExecutionLog) -> list[int]:
    """Return the statuses of status, result and events, and how many jobs the list has."""
    parts = [f"/{job.pk}{part}" for part in ("", "/result", "/events")]
    listed = client(username).get("/api/v1/jobs").json()["results"]
    return [*(status_of(username, path) for path in parts), len(listed)]


def test_only_the_identity_and_administrators_see_it(bobs_job: JobExecutionLog) -> None:
    assert statuses("bob", bobs_job) == [200, 200, 200, 1]
    assert statuses("alice", bobs_job) == [200, 200, 200, 1]
    assert statuses("carol", bobs_job) == [403, 403, 403, 0]
    body = client("bob").get(f"/api/v1/jobs/{bobs_job.pk}").json()
    assert body["ranAs"] == "bob" and "callerAttributes" not in body
    body = client("alice").get(f"/api/v1/jobs/{bobs_job.pk}").json()
    assert body["callerAttributes"] == {"region": ["north"]}


def test_jobs_of_a_version_that_depends_on_nobody_stay_visible(bobs_job: JobExecutionLog, tmp_path: Path) -> None:
    apply_definitions(tmp_path, definitions(query="select 1", parameters=[]))
    report = ReportConfiguration.objects.get(slug="carrier-delays")
    jobs.submit(report=report, actor=User.objects.get(username="bob"), parameters={})
    free = JobExecutionLog.objects.exclude(pk=bobs_job.pk).get()
    assert statuses("carol", free)[0::3] == [200, 1]
    assert statuses("bob", free)[0::3] == [200, 2]


@pytest.mark.parametrize(
    "change",
    [
        {"attributes": {"region": ["south"]}},
        {"attributes": {}},
        {"is_active": False},
    ],
)
def test_changed_attributes_close_the_result_to_all_but_administrators(
    change: dict[str, Any], bobs_job: JobExecutionLog
) -> None:
    signed_in = client("bob")
    User.objects.filter(username="bob").update(**change)
    answer = signed_in.get(f"/api/v1/jobs/{bobs_job.pk}/result")
    if "is_active" in change:
        assert answer.status_code == 401
    else:
        assert (answer.status_code, answer.json()["code"]) == (403, "caller_attributes_changed")
        assert signed_in.get(f"/api/v1/jobs/{bobs_job.pk}/rows").json()["code"] == "caller_attributes_changed"
        answer = signed_in.post(f"/api/v1/jobs/{bobs_job.pk}/convert", {"format": "csv"}, format="json")
        assert answer.json()["code"] == "caller_attributes_changed"
        assert signed_in.get(f"/api/v1/jobs/{bobs_job.pk}").status_code == 200
    assert status_of("alice", f"/{bobs_job.pk}/result") == 200


def test_attributes_that_the_job_did_not_use_may_change(bobs_job: JobExecutionLog) -> None:
    give("bob", region=["north"], level=3)
    assert status_of("bob", f"/{bobs_job.pk}/result") == 200


def test_an_unsent_delivery_is_refused_after_a_change(bobs_job: JobExecutionLog, monkeypatch: Any) -> None:
    delivery = Delivery(job=bobs_job, kind="email", target="a@example.com", attempt=1)
    sent: list[object] = []
    monkeypatch.setitem(deliverer.SENDERS, "email", type("Sender", (), {"send": lambda self, result: sent.append(1)})())
    deliverer._send(delivery)
    give("bob", region=["south"])
    with pytest.raises(deliverer.Undeliverable, match="have changed"):
        deliverer._send(delivery)
    assert sent == [1]


def test_a_retry_runs_as_before(bobs_job: JobExecutionLog) -> None:
    JobExecutionLog.objects.filter(pk=bobs_job.pk).update(status="Failed", error_code="x")
    give("bob", region=["south"])
    answer = client("alice").post(f"/api/v1/jobs/{bobs_job.pk}/retry")
    assert answer.status_code == 202, answer.content
    retried = JobExecutionLog.objects.get(retry_of=bobs_job)
    assert (retried.requested_by_name, retried.ran_as_name) == ("alice", "bob")
    assert rows_of(retried) == ["north"]
    assert statuses("bob", retried)[0] == 200


# --- Definitions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "path", "sentence"),
    [
        (
            {"query": "select :caller_nothing, :who"},
            "query",
            ":caller_nothing isn't defined. Declare nothing as an attribute of the tenant.",
        ),
        (
            {"query": "select :caller_x", "parameters": [{"name": "caller_x", "type": "string"}]},
            "parameters[0].name",
            "Names that start with caller_ stand for what the server knows of the caller.",
        ),
    ],
)
def test_a_name_that_nobody_declared(changes: dict[str, Any], path: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidDefinition) as caught:
        apply_definitions(tmp_path, definitions(**changes))
    assert list(errors_in(caught.value).values()) == [[sentence]]
    assert all(each.endswith(path) for each in errors_in(caught.value))


def test_attributes_of_users_are_applied_and_checked(tmp_path: Path) -> None:
    data = definitions()
    data["users"][1] |= {"attributes": {"region": ["north"]}, "email": "bob@example.com"}
    apply_definitions(tmp_path, data)
    bob = User.objects.get(username="bob")
    assert (bob.attributes, bob.email) == ({"region": ["north"]}, "bob@example.com")
    assert apply_definitions(tmp_path, data) == []
    del data["users"][1]["attributes"], data["users"][1]["email"]
    assert apply_definitions(tmp_path, data) == []
    data["users"][1]["attributes"] = {"region": "north", "nothing": 1}
    with pytest.raises(InvalidDefinition) as caught:
        apply_definitions(tmp_path, data, env=ENV)
    assert errors_in(caught.value) == {
        "users[1].attributes.region": ["Must be a list of values, each text."],
        "users[1].attributes.nothing": ["The tenant has no such attribute."],
    }
