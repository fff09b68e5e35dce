"""The calls about schedules, with the rights of their callers."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from audit.models import AuditLog
from jobs.models import JobExecutionLog
from reports.models import ReportConfiguration, UserGrant
from schedules.models import Schedule
from tests.reports.api.clients import client
from tests.schedules.conftest import ENTRY, MakeSchedule, hour, record, rewind

URL = "/api/v1/schedules"
BODY = {name: value for name, value in ENTRY.items() if name != "tenant"}
HOUR = timedelta(hours=1)
# Calls are counted in a database of their own.
pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def api(sales: ReportConfiguration) -> APIClient:
    return client("bob")


@pytest.fixture
def carol(sales: ReportConfiguration) -> APIClient:
    """Somebody with the generate right who owns no schedule."""
    user = User.objects.create_user("carol", tenant=sales.tenant)
    user.groups.set(User.objects.get(username="bob").groups.all())
    return client("carol")


def errors(answer: Any, status: int = 400) -> dict[str, list[str]]:
    assert answer.status_code == status, answer.content
    return dict(answer.json().get("fields", {}))


def create(api: APIClient, **fields: Any) -> Any:
    return api.post(URL, BODY | fields, format="json")


def test_a_schedule_is_created_read_changed_and_deleted(api: APIClient) -> None:
    answer = create(api, cron="0 7 * * MON", time_zone="Europe/Berlin")
    assert answer.status_code == 201, answer.content
    created = answer.json()
    assert answer["Location"] == created["url"] == f"http://localhost:8000{URL}/{created['id']}" or created["url"]
    assert (created["owner"], created["version"], created["timeZone"]) == ("bob", 1, "Europe/Berlin")
    assert len(created["nextTimes"]) == 5 and all("T07:00:00+0" in time for time in created["nextTimes"])
    assert api.get(f"{URL}/hourly").json() == api.get(f"{URL}/{created['id']}").json() == created
    assert [row["slug"] for row in api.get(URL).json()["results"]] == ["hourly"]
    patched = api.patch(f"{URL}/hourly", {"cron": "0 8 * * MON"}, format="json").json()
    assert patched["version"] == 2 and "T08:00" in patched["nextTimes"][0]
    same = api.put(f"{URL}/hourly", patched["definition"], format="json").json()
    assert same["version"] == 2
    assert api.put(f"{URL}/hourly", BODY, format="json").json()["definition"]["cron"] == "0 * * * *"
    assert api.delete(f"{URL}/hourly").status_code == 204
    assert api.get(f"{URL}/hourly").status_code == 404
    actions = AuditLog.objects.filter(target_type="schedule").order_by("sequence").values_list("action", flat=True)
    assert list(actions) == ["Schedule Create", "Schedule Update", "Schedule Update", "Schedule Delete"]


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"cron": "@daily"}, "cron", "aren't supported"),
        ({"cron": "0 0 30 2 *"}, "cron", "doesn't exist"),
        ({"time_zone": "Mars/Base"}, "time_zone", "There is no such time zone."),
        ({"slug": "preview"}, "slug", "This name is reserved. Choose another."),
        ({"slug": "new"}, "slug", "This name is reserved. Choose another."),
        ({"start_on": "9999-12-20"}, "start_on", "Must be at most five years ahead."),
        ({"parameters": {"start": "soon"}}, "parameters.start", "Must be a date"),
        ({"parameters": {}}, "parameters.start", "required"),
        ({"parameters": {"start": "today", "x": 1}}, "parameters.x", "no such parameter"),
        ({"formats": ["html"]}, "formats[0]", "Must be one of: pdf, csv."),
        ({"formats": ["csv", "csv"]}, "formats[1]", "Is already named."),
        ({"missed": "some"}, "missed", "Must be one of"),
        ({"missed_within": "1 day"}, "missed_within", "like 90m, 24h or 7d"),
        ({"start_on": "2027-02-30"}, "start_on", "Must be a date"),
        ({"start_on": "2027-02-02", "end_on": "2027-02-01"}, "end_on", "Must not be before start_on."),
        ({"end_on": "2020-01-01"}, "end_on", "no future time matches cron between start_on and end_on."),
        ({"parameters": {"start": "today", "\0": 1}}, "parameters.\0", "no such parameter"),
        ({"run_as": "analysts"}, "run_as", "Must name one user"),
        ({"colour": "red"}, "colour", "Unknown field."),
    ],
)
def test_what_is_wrong_is_a_sentence_on_its_field(api: APIClient, change: Any, path: str, words: str) -> None:
    assert words in errors(create(api, **change))[path][0]
    assert not Schedule.objects.exists()


def test_a_slug_is_unique_in_the_tenant(api: APIClient) -> None:
    assert create(api).status_code == 201
    assert errors(create(api))["slug"] == ["Another schedule already has this slug."]


def test_a_day_that_some_months_lack_is_warned_of(api: APIClient) -> None:
    assert create(api, cron="0 7 31 * *").json()["warnings"] == [
        "Months without day 31 are skipped. L is the last day of each month."
    ]


def test_only_the_owner_and_administrators_manage_a_schedule(api: APIClient, carol: APIClient) -> None:
    create(api)
    calls = [("get", ""), ("put", ""), ("patch", ""), ("delete", ""), ("get", "/slots")]
    calls += [("post", f"/{verb}") for verb in ("run", "pause", "resume", "backfill")]
    for method, path in calls:
        assert getattr(carol, method)(f"{URL}/hourly{path}", {}, format="json").status_code == 403, (method, path)
        assert getattr(api, method)(f"{URL}/nothing{path}", {}, format="json").status_code == 404, (method, path)
        assert getattr(APIClient(), method)(f"{URL}/hourly{path}", {}, format="json").status_code == 401
    assert carol.get(URL).json()["results"] == []
    alice = client("alice")
    assert [row["owner"] for row in alice.get(URL).json()["results"]] == ["bob"]
    patched = alice.patch(f"{URL}/hourly", {"cron": "5 * * * *"}, format="json").json()
    assert patched["owner"] == "bob", "editing doesn't change the owner"


def test_only_administrators_let_a_schedule_run_as_somebody_else(api: APIClient, carol: APIClient) -> None:
    assert create(carol, run_as="user:bob").status_code == 403
    assert create(client("alice"), run_as="user:bob").json()["owner"] == "bob"
    assert api.patch(f"{URL}/hourly", {"run_as": "user:carol"}, format="json").status_code == 403
    assert client("alice").patch(f"{URL}/hourly", {"run_as": "user:carol"}, format="json").json()["owner"] == "carol"
    UserGrant.objects.all().delete()
    dave = User.objects.create_user("dave", tenant=User.objects.get(username="bob").tenant)
    answer = client("alice").patch(f"{URL}/hourly", {"run_as": f"user:{dave.username}"}, format="json")
    assert errors(answer)["run_as"] == ["User dave has no right to run this report, or is not active."]


def test_only_superusers_let_a_schedule_run_as_one(api: APIClient) -> None:
    User.objects.create_superuser("root")
    alice = client("alice")
    unknown = errors(create(alice, run_as="user:nobody"))["run_as"][0]
    assert errors(create(alice, run_as="user:root"))["run_as"] == [unknown.replace("nobody", "root")]
    assert create(client("root"), tenant="acme").json()["owner"] == "root"
    assert errors(alice.patch(f"{URL}/hourly", {"run_as": "user:nobody"}, format="json"))["run_as"] == [unknown]
    patched = alice.patch(f"{URL}/hourly", {"cron": "5 * * * *", "run_as": "user:root"}, format="json")
    assert patched.json()["owner"] == "root", "it was the owner before"
    assert alice.patch(f"{URL}/hourly", {"run_as": "user:bob"}, format="json").json()["owner"] == "bob"
    assert errors(alice.patch(f"{URL}/hourly", {"run_as": "user:root"}, format="json"))["run_as"]


def test_a_deleted_owner_is_replaced_only_by_name(api: APIClient, make_schedule: MakeSchedule) -> None:
    make_schedule()
    User.objects.get(username="bob").delete()
    alice = client("alice")
    renamed = alice.patch(f"{URL}/hourly", {"slug": "renamed"}, format="json").json()
    assert (renamed["slug"], renamed["owner"]) == ("renamed", None)
    answer = alice.patch(f"{URL}/renamed", {"cron": "5 * * * *"}, format="json")
    assert errors(answer)["run_as"] == ["The owner was deleted. Name a user."]
    taken = alice.patch(f"{URL}/renamed", {"run_as": "user:alice"}, format="json")
    assert taken.json()["owner"] == "alice"


def test_a_schedule_that_ended_can_be_renamed_and_paused(api: APIClient, make_schedule: MakeSchedule) -> None:
    schedule = make_schedule()
    version = schedule.version
    type(version).objects.filter(pk=version.pk).update(definition=version.definition | {"end_on": "2026-01-01"})
    for patch in ({"slug": "ended"}, {"paused": True}, {"paused": False}):
        answer = api.patch(f"{URL}/{schedule.pk}", patch, format="json")
        assert answer.status_code == 200, answer.content
        assert answer.json()["nextTimes"] == []
    assert errors(api.patch(f"{URL}/ended", {"cron": "5 * * * *"}, format="json"))["end_on"]


def test_a_report_can_be_named_by_its_id(api: APIClient, sales: ReportConfiguration) -> None:
    create(api, report=str(sales.pk))
    answer = api.put(f"{URL}/hourly", BODY | {"report": str(sales.pk), "cron": "5 * * * *"}, format="json")
    assert answer.json()["report"]["slug"] == "carrier-delays", answer.content
    same = api.patch(f"{URL}/hourly", {"report": str(sales.pk)}, format="json")
    assert same.json()["version"] == 2, same.content


def test_years_at_the_ends_of_the_calendar_are_no_fault_of_the_server(
    api: APIClient, make_schedule: MakeSchedule
) -> None:
    answer = create(api, start_on="0001-01-01", time_zone="Pacific/Kiritimati")
    assert answer.status_code == 201, answer.content
    far = make_schedule(slug="far")
    version = far.version
    type(version).objects.filter(pk=version.pk).update(definition=version.definition | {"start_on": "9999-12-31"})
    assert api.get(URL).status_code == 200 and api.get(f"{URL}/far").status_code == 200
    for year in ("0001-01-01T00:00:00Z", "9999-12-31T23:50:00Z"):
        for zone in ("Pacific/Kiritimati", "Pacific/Niue"):
            preview = {"cron": "30 * * * *", "time_zone": zone, "from": year}
            assert api.post(f"{URL}/preview", preview, format="json").status_code == 200
    body = {"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59Z"}
    assert api.post(f"{URL}/hourly/backfill", body, format="json").json()["code"] == "too_many_slots"


def test_a_backfill_counts_times_without_a_job_only(api: APIClient, make_schedule: MakeSchedule) -> None:
    schedule = make_schedule(missed="none", due=150 * HOUR)
    record(schedule)
    first = {"from": hour(-140).isoformat(), "to": hour(-70).isoformat()}
    assert len(api.post(f"{URL}/hourly/backfill", first, format="json").json()["slots"]) == 71
    answer = api.post(f"{URL}/hourly/backfill", {**first, "to": hour(-20).isoformat()}, format="json")
    assert len(answer.json()["slots"]) == 50, answer.content


def test_what_is_wrong_with_the_schedule_comes_before_the_body(
    api: APIClient, make_schedule: MakeSchedule, sales: ReportConfiguration
) -> None:
    make_schedule()
    sales.delete()
    assert api.post(f"{URL}/hourly/backfill", {"from": "x"}, format="json").status_code == 409


def test_without_the_generate_right_nothing_is_created(api: APIClient) -> None:
    User.objects.create_user("dave", tenant=User.objects.get(username="bob").tenant)
    assert create(client("dave")).status_code == 403
    assert create(api, report="nothing").status_code == 404


def test_the_preview_shows_the_next_times(api: APIClient) -> None:
    body = {"cron": "30 2 * * *", "time_zone": "Europe/Berlin", "from": "2027-03-27T12:00:00Z", "count": 2}
    times = api.post(f"{URL}/preview", body, format="json").json()["times"]
    assert times == ["2027-03-28T03:00:00+02:00", "2027-03-29T02:30:00+02:00"]
    assert len(api.post(f"{URL}/preview", {"cron": "0 7 31 * *"}, format="json").json()["times"]) == 5
    wrong = api.post(f"{URL}/preview", {"cron": "x", "time_zone": "y", "count": 1000}, format="json")
    assert set(errors(wrong)) == {"cron", "time_zone", "count"}


def test_run_now_answers_like_generate(api: APIClient) -> None:
    create(api)
    answer = api.post(f"{URL}/hourly/run")
    assert answer.status_code == 202 and answer.json()["status"] == "Queued"
    assert JobExecutionLog.objects.get().pk.hex == answer.json()["jobId"].replace("-", "")
    (slot,) = api.get(f"{URL}/hourly/slots").json()["results"]
    assert (slot["kind"], slot["state"], slot["jobId"]) == ("manual", "Created", answer.json()["jobId"])


def test_pause_and_resume(api: APIClient) -> None:
    create(api)
    assert api.post(f"{URL}/hourly/pause").json()["nextTimes"] == []
    assert api.get(f"{URL}/hourly").json()["paused"] is True
    assert len(api.post(f"{URL}/hourly/resume").json()["nextTimes"]) == 5
    assert api.patch(f"{URL}/hourly", {"paused": True}, format="json").json()["version"] == 1


def test_slots_are_listed_newest_first_and_backfilled(api: APIClient, make_schedule: MakeSchedule) -> None:
    schedule = make_schedule(missed="none")
    rewind(schedule, 4 * HOUR)
    record(schedule)
    listed = api.get(f"{URL}/hourly/slots").json()["results"]
    assert [row["slot"] for row in listed] == sorted((row["slot"] for row in listed), reverse=True)
    assert listed[-1]["state"] == "Missed" and listed[-1]["reason"] == "No server created a job in time."
    body = {"from": hour(-4).isoformat(), "to": timezone.now().isoformat()}
    answer = api.post(f"{URL}/hourly/backfill", body, format="json")
    assert answer.status_code == 202 and {row["state"] for row in answer.json()["slots"]} == {"Created"}
    again = api.post(f"{URL}/hourly/backfill", body, format="json")
    assert again.status_code == 202 and again.json()["slots"] == []
    year = {"from": "2025-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}
    assert api.post(f"{URL}/hourly/backfill", year, format="json").json()["code"] == "too_many_slots"
    assert errors(api.post(f"{URL}/hourly/backfill", {"from": year["to"], "to": year["from"]}, format="json"))["to"]


def test_a_schedule_whose_report_was_deleted_says_what_it_needs(api: APIClient, sales: ReportConfiguration) -> None:
    create(api)
    sales.delete()
    for patch in ({"cron": "5 * * * *"}, {"paused": True}, {"report": None}, {"report": ""}):
        answer = api.patch(f"{URL}/hourly", patch, format="json")
        assert errors(answer) == {"report": ["The report was deleted. Name another one."]}
    assert errors(api.patch(f"{URL}/hourly", {"report": "gone"}, format="json")) == {
        "report": ["Report gone does not exist in this tenant."]
    }
    answer = api.post(f"{URL}/hourly/run")
    assert (answer.status_code, answer.json()["code"]) == (409, "report_configuration_missing")
    assert api.get(f"{URL}/hourly").json()["report"] is None
    assert api.post(f"{URL}/hourly/pause").json()["paused"] is True


@pytest.mark.parametrize("text", ["\0", "now\0", "2026-01-01\0", "\ud800"])
def test_characters_that_no_database_stores_are_refused(api: APIClient, text: str) -> None:
    body = json.dumps(BODY | {"parameters": {"start": text, "end": "today"}})
    answer = api.post(URL, body, content_type="application/json")
    assert list(errors(answer)) in (["parameters.start"], []), answer.content
    for field in ("slug", "cron", "time_zone", "run_as", "report", "missed_within", "start_on"):
        answer = api.post(URL, json.dumps(BODY | {field: text}), content_type="application/json")
        assert answer.status_code in (400, 403, 404), (field, answer.content)
    answer = api.post(URL, json.dumps(BODY | {"parameters": {text: 1}}), content_type="application/json")
    assert answer.status_code == 400


def test_the_document_describes_what_a_patch_takes(api: APIClient) -> None:
    document = api.get("/api/schema", HTTP_ACCEPT="application/vnd.oai.openapi+json").json()
    body = document["paths"]["/api/v1/schedules/{key}"]["patch"]["requestBody"]["content"]["application/json"]["schema"]
    changes = document["components"]["schemas"][body["$ref"].rpartition("/")[2]]
    assert {"cron", "notify", "deliveries", "paused", "run_as"} <= set(changes["properties"])
    assert "tenant" not in changes["properties"] and not changes.get("required")
    assert "null" in str(changes["properties"]["cron"]) and changes["properties"]["cron"]["description"]
