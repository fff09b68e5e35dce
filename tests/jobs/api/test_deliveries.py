"""The calls that ask for deliveries and list them."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from jobs.models import Delivery, JobExecutionLog
from reports.models import ReportConfiguration, ReportVersion
from tests.reports.api.clients import client
from tests.reports.definitions.sample_file import apply_definitions, sample

# Calls are counted in a database of their own.
pytestmark = pytest.mark.django_db(databases="__all__")
BODY = {"parameters": {"start": "2024-01-01"}}


@pytest.fixture
def report(tmp_path: Any) -> ReportConfiguration:
    apply_definitions(tmp_path, sample())
    return ReportConfiguration.objects.get(slug="carrier-delays")


def generate(username: str = "bob", **body: Any) -> Any:
    return client(username).post("/api/v1/reports/carrier-delays/generate", BODY | body, format="json")


def test_generate_asks_for_deliveries(report: ReportConfiguration) -> None:
    assert client("bob").get("/api/v1/reports/carrier-delays").json()["deliver"] == "on_request"
    for body, deliver in (({}, False), ({"deliver": False}, False), ({"deliver": True}, True)):
        answer = generate(**body)
        assert answer.status_code == 202, answer.content
        assert JobExecutionLog.objects.get(pk=answer.json()["jobId"]).deliver is deliver
    assert "deliver" in generate(deliver="perhaps").json()["fields"]


def test_a_report_that_only_the_api_returns_refuses(report: ReportConfiguration) -> None:
    answer = client("alice").post("/api/v1/reports/customers/generate", {"deliver": True}, format="json")
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["deliver"])


def test_a_request_that_asks_for_deliveries_is_another_one(report: ReportConfiguration) -> None:
    api, url = client("bob"), "/api/v1/reports/carrier-delays/generate"
    key = {"HTTP_IDEMPOTENCY_KEY": "once"}
    assert api.post(url, BODY, format="json", **key).status_code == 202
    again = api.post(url, BODY | {"deliver": False}, format="json", **key)
    assert again["Idempotency-Replayed"] == "true"
    assert api.post(url, BODY | {"deliver": True}, format="json", **key).status_code == 422


def test_generate_asks_for_a_mail_when_the_job_has_ended(report: ReportConfiguration) -> None:
    assert generate(notify=True).json()["fields"] == {"notify": ["Your account has no e-mail address."]}
    User.objects.filter(username="bob").update(email="bob@example.com")
    api, url = client("bob"), "/api/v1/reports/carrier-delays/generate"
    key = {"HTTP_IDEMPOTENCY_KEY": "once"}
    answer = api.post(url, BODY | {"notify": True}, format="json", **key)
    job = JobExecutionLog.objects.get(pk=answer.json()["jobId"])
    assert job.notify and job.notify.username == "bob"
    assert api.post(url, BODY | {"notify": True}, format="json", **key)["Idempotency-Replayed"] == "true"
    assert api.post(url, BODY, format="json", **key).status_code == 422
    assert "notify" in generate(notify="perhaps").json()["fields"]


def test_a_report_that_only_mails_is_refused_whatever_it_asks_for(report: ReportConfiguration) -> None:
    ReportVersion.objects.get(report=report).delivery_targets.filter(mode="asynchronous").delete()
    answer = generate(deliver=True)
    assert (answer.status_code, answer.json()["code"]) == (409, "report_not_asynchronous")


def test_recipients_are_shown_to_who_requested_the_job_and_to_administrators(report: ReportConfiguration) -> None:
    job = JobExecutionLog.objects.get(pk=generate().json()["jobId"])
    Delivery.objects.create(
        job=job, name="mail", kind="email", target="a@example.com", target_digest="1", available_at=timezone.now()
    )
    User.objects.create_user("rita", tenant=report.tenant).groups.set(
        report.rolegrant_set.values_list("group", flat=True)
    )
    url = f"/api/v1/jobs/{job.pk}/deliveries"
    for name in ("bob", "alice", "rita"):
        (row,) = client(name).get(url).json()["results"]
        assert (row["name"], row["kind"], row["state"], row["attempts"]) == ("mail", "email", "Pending", 0)
        assert row.get("recipient") == (None if name == "rita" else "a@example.com")
        assert ("recipient" in row) is (name != "rita")
    User.objects.create_user("carl", tenant=report.tenant)
    assert client("carl").get(url).status_code == 403
    assert client("bob").get("/api/v1/jobs/00000000-0000-0000-0000-000000000000/deliveries").status_code == 404
