"""US-094: requesting a report queues a job."""

from __future__ import annotations

import json
import uuid

import pytest

from tests.acceptance.helpers import GENERATE, assert_error, job_row, parse_time, query, row_counts
from tests.server import UNKNOWN_ID

NOT_ASYNCHRONOUS = "Report is not configured for asynchronous generation."


def test_us094_ac001_a_job_is_queued_and_the_answer_has_its_status_url(idle, idle_bob):
    answer = idle_bob.post(GENERATE, json={"parameters": {"region": "north"}, "format": "json"})
    assert answer.status_code == 202
    body = answer.json()
    assert sorted(body) == ["jobId", "status", "statusUrl"]
    assert uuid.UUID(body["jobId"]).version == 4
    assert body["status"] == "Queued"
    assert body["statusUrl"] == f"{idle.url}/api/v1/jobs/{body['jobId']}" == answer.headers["Location"]
    assert int(answer.headers["Retry-After"]) >= 1
    assert idle_bob.get(body["statusUrl"]).json()["status"] == "Queued"


def test_us094_ac001_the_row_exists_once_the_answer_is_sent(idle, idle_bob):
    job = idle_bob.generate("sales-by-region", {"region": "north"}, format="json")
    row = job_row(idle, job)
    assert (row["status"], row["report_slug"], row["format"], row["requested_by_name"]) == (
        "Queued", "sales-by-region", "json", "bob",
    )  # fmt: skip
    assert json.loads(row["parameters"]) == {"region": "north", "since": "2024-01-01"}
    assert (row["started_at"], row["ended_at"], row["attempt"]) == (None, None, 0)


def test_us094_ac001_job_event_audit_entry_and_queue_message_are_written_together(idle, idle_bob):
    before = row_counts(idle)
    job = idle_bob.generate("sales-by-region")
    assert row_counts(idle) == {table: number + 1 for table, number in before.items()}
    (entry,) = query(idle, "select * from audit_auditlog where target_id = ?", job)
    assert (entry["actor"], entry["action"]) == ("bob", "Job Generate")


def test_us094_ac001_the_status_url_does_not_depend_on_the_host_header(idle, idle_bob):
    answer = idle_bob.post(GENERATE, headers={"Host": "localhost:1"})
    assert answer.json()["statusUrl"].startswith(f"{idle.url}/api/v1/jobs/")


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"content": b"", "headers": {"Content-Type": "application/json"}},
        {"json": {}},
        {"json": {"parameters": {}}},
        {"json": {"format": None}},
        {"json": {"parameters": {"region": None}}},
        {"content": b" {} ", "headers": {"Content-Type": "application/json; charset=utf-8"}},
    ],
)
def test_us094_ac001_every_part_of_the_body_is_optional(idle, idle_bob, request_):
    answer = idle_bob.post(GENERATE, **request_)
    assert answer.status_code == 202, answer.text
    status = idle_bob.get(answer.json()["statusUrl"]).json()
    assert (status["parameters"], status["format"]) == ({"since": "2024-01-01"}, "csv")


def test_us094_ac001_a_report_is_found_by_its_id_and_its_slug(idle_bob):
    by_slug = idle_bob.get(f"/jobs/{idle_bob.generate('sales-by-region')}").json()["report"]
    by_id = idle_bob.get(f"/jobs/{idle_bob.generate(by_slug['id'])}").json()["report"]
    assert by_id == by_slug


def test_us094_ac001_an_administrator_needs_no_grant(idle):
    assert idle.client("alice").post(GENERATE).status_code == 202


def test_us094_ac001_the_times_of_a_job_are_in_order(bob):
    status = bob.wait(bob.generate("sales-by-region"))
    assert parse_time(status["queuedTime"]) <= parse_time(status["startTime"]) <= parse_time(status["endTime"])


@pytest.mark.parametrize("key", ["no-such-report", UNKNOWN_ID, "%00", "-", "é", "a b", "x" * 300, "slow'--"])
def test_us094_ac002_an_unknown_report_is_not_found(idle_bob, key):
    assert_error(idle_bob.post(f"/reports/{key}/generate"), 404, "report_not_found")


def test_us094_ac002_a_report_of_another_tenant_is_indistinguishable_from_a_missing_one(idle, idle_bob):
    hank = idle.client("hank")
    acmes = idle_bob.get(f"/jobs/{idle_bob.generate('slow')}").json()["report"]
    nowhere = hank.post(f"/reports/{uuid.uuid4()}/generate")
    for key in (acmes["id"], acmes["slug"]):
        answer = hank.post(f"/reports/{key}/generate")
        assert (answer.status_code, answer.content) == (404, nowhere.content)


def test_us094_ac002_a_slug_names_the_report_of_the_own_tenant(idle, idle_bob):
    hank = idle.client("hank")
    reports = [who.get(f"/jobs/{who.generate('sales-by-region')}").json()["report"]["name"] for who in (hank, idle_bob)]
    assert reports == ["Sales by region", "Sales by région"]


@pytest.mark.parametrize("report", ["at-once", "mailed"])
def test_us094_ac003_a_synchronous_or_mailed_report_is_refused(idle, idle_bob, report):
    before = row_counts(idle)
    answer = idle_bob.post(f"/reports/{report}/generate")
    assert answer.json() == {"error": NOT_ASYNCHRONOUS, "code": "report_not_asynchronous"}
    assert answer.status_code == 409
    assert row_counts(idle) == before


@pytest.mark.parametrize("name", ["carol", "dave"])
def test_us094_ac005_a_user_without_the_generate_grant_is_refused(idle, name):
    before = row_counts(idle)
    client = idle.client(name)
    signed_in = row_counts(idle)
    assert_error(client.post(GENERATE), 403, "permission_denied")
    assert row_counts(idle) == signed_in
    assert before["jobs_jobexecutionlog"] == signed_in["jobs_jobexecutionlog"]


def test_us094_checks_are_made_in_the_order_of_the_contract(idle, idle_bob):
    bad = {"json": {"nonsense": 1}}
    assert_error(idle.client().post("/reports/no-such-report/generate", **bad), 401, "not_authenticated")
    carol = idle.client("carol")
    assert_error(carol.post("/reports/no-such-report/generate", **bad), 404, "report_not_found")
    assert_error(carol.post("/reports/mailed/generate", **bad), 403, "permission_denied")
    assert_error(idle_bob.post("/reports/mailed/generate", **bad), 409, "report_not_asynchronous")
    assert_error(idle_bob.post(GENERATE, **bad), 400, "invalid_parameters")


def test_us094_the_generate_grant_includes_seeing_the_own_job(erin):
    assert erin.wait(erin.generate("sales-by-region"))["createdBy"] == "erin"
