"""Contract, 7: relative dates and rules, over HTTP."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.acceptance.helpers import assert_error, row_counts

DAYS = "/reports/days/generate"
#: The report's zone: it is a day ahead of UTC for most of the day.
ZONE = ZoneInfo("Pacific/Kiritimati")


def last_month() -> tuple[str, str]:
    last_day = datetime.now(ZONE).date().replace(day=1) - timedelta(days=1)
    return str(last_day.replace(day=1)), str(last_day)


def test_defaults_that_are_relative_are_resolved_when_the_job_is_accepted(bob):
    job = bob.wait(bob.generate("days"))
    start, end = last_month()
    assert job["parameters"] == {"start": start, "end": end}
    assert job["requestedParameters"] == {}
    assert bob.get(f"/jobs/{job['jobId']}/result").text.split() == ["start,end,at", f"{start},{end},"]


def test_relative_values_are_resolved_in_the_reports_zone_and_kept_as_sent(bob):
    sent = {"start": "now-1y/y", "end": "today", "at": "now/d"}
    before = datetime.now(ZONE).date()
    job = bob.get(f"/jobs/{bob.generate('days', sent)}").json()
    assert job["requestedParameters"] == sent
    values = job["parameters"]
    assert values["start"] == f"{before.year - 1}-01-01"
    assert date.fromisoformat(values["end"]) - before <= timedelta(days=1)
    midnight = datetime.fromisoformat(values["at"]).astimezone(ZONE)
    assert (midnight.date().isoformat(), midnight.time().isoformat()) == (values["end"], "00:00:00")
    assert values["at"].endswith("Z")


def test_all_relative_dates_of_a_request_are_resolved_at_one_instant(bob, server):
    job = bob.get(f"/jobs/{bob.generate('days', {'start': 'now', 'end': 'now', 'at': 'now'})}").json()
    at = datetime.fromisoformat(job["parameters"]["at"])
    assert str(at.astimezone(ZONE).date()) == job["parameters"]["start"] == job["parameters"]["end"]
    assert abs(at - datetime.now(UTC)) < timedelta(seconds=60)


def test_a_relative_bound_and_a_rule_are_checked_before_anything_is_queued(idle, idle_bob):
    before = row_counts(idle)
    late = assert_error(idle_bob.post(DAYS, json={"parameters": {"end": "today+1d"}}), 400, "invalid_parameters")
    assert list(late["fields"]) == ["end"] and "or earlier" in late["fields"]["end"][0]
    crossed = idle_bob.post(DAYS, json={"parameters": {"start": "today", "end": "2024-01-01"}})
    sentence = ["From must not be after To."]
    assert assert_error(crossed, 400, "invalid_parameters")["fields"] == {"start": sentence, "end": sentence}
    assert row_counts(idle) == before


@pytest.mark.parametrize("text", ["now-1x", "now+99999y", "now" + "+1d" * 11, "today ago"])
def test_a_relative_date_that_cannot_be_read_is_an_error_of_its_field(idle_bob, text):
    body = assert_error(idle_bob.post(DAYS, json={"parameters": {"start": text}}), 400, "invalid_parameters")
    assert list(body["fields"]) == ["start"] and text[:20] in body["fields"]["start"][0]


def test_idempotency_compares_what_was_sent(idle_bob):
    key = {"Idempotency-Key": f"key-{uuid.uuid4()}"}
    first = idle_bob.post(DAYS, json={"parameters": {"start": "now-1M"}}, headers=key)
    again = idle_bob.post(DAYS, json={"parameters": {"start": "now-1M"}}, headers=key)
    assert again.json() == first.json() and again.headers["Idempotency-Replayed"] == "true"
    resolved = idle_bob.get(f"/jobs/{first.json()['jobId']}").json()["parameters"]
    assert_error(idle_bob.post(DAYS, json={"parameters": resolved}, headers=key), 422, "idempotency_key_reused")


def test_the_report_tells_clients_about_relative_dates_and_rules(bob):
    report = bob.get("/reports/days").json()
    assert report["rules"] == [{"check": "start <= end", "message": "From must not be after To."}]
    start = report["parameters"]["properties"]["start"]
    assert start["default"] == "now-1M/M"
    assert [key for option in start["anyOf"] for key in option] == ["format", "pattern"]


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"time_zone": "Europe/Bonn"}, "time_zone", "There is no such time zone."),
        ({"rules": [{"check": "start <= finish", "message": "-"}]}, "rules[0].check", "There is no parameter finish."),
        ({"rules": [{"check": "start <= end"}]}, "rules[0].message", "This field is required."),
        ({"parameters": [{"name": "start", "type": "date", "choices": ["today"]}]}, "parameters[0].choices", "today"),
        ({"parameters": [{"name": "start", "type": "date", "minimum": "now-x"}]}, "parameters[0].minimum", "now-x"),
    ],
)  # fmt: skip
def test_a_wrong_zone_rule_or_expression_is_a_sentence_on_its_field(server, change, path, words):
    answer = server.client("alice").request("PATCH", "/reports/days", json=change)
    body = assert_error(answer, 400, "invalid_definition")
    assert words in body["fields"][path][0], body


def test_validate_checks_rules_and_resolves_relative_values(server):
    alice = server.client("alice")
    answer = alice.post("/reports/days/validate", json={"parameters": {"start": "today", "end": "2024-01-01"}})
    assert assert_error(answer, 400, "invalid_parameters")["fields"]["end"] == ["From must not be after To."]
    preview = alice.post("/reports/days/validate", json={"parameters": {"start": "now-1y/y"}, "preview": True}).json()
    assert preview["preview"]["rows"][0][0] == f"{datetime.now(ZONE).year - 1}-01-01"


def test_run_report_takes_relative_dates(server, tmp_path):
    result = tmp_path / "days.csv"
    server.manage("run_report", "days", "--param", "start=now-1M/M", "-o", str(result))
    start, end = last_month()
    assert result.read_text().split() == ["start,end,at", f"{start},{end},"]


def test_resolve_tells_the_values_that_generate_would_run_with(idle, idle_bob):
    before = row_counts(idle)
    url = "/reports/days/resolve"
    start, end = last_month()
    assert idle_bob.post(url, json={"parameters": {}}).json()["parameters"] == {"start": start, "end": end}
    answer = idle_bob.post(url, json={"parameters": {"start": "now-1y/y", "end": "today"}})
    assert answer.status_code == 200 and answer.headers["Cache-Control"] == "private, no-store"
    assert answer.json()["parameters"]["start"].endswith("-01-01")
    for wrong in ({"end": "today+1d"}, {"start": "today", "end": "2024-01-01"}, {"at": "soon"}, {"no": 1}):
        refused = assert_error(idle_bob.post(url, json={"parameters": wrong}), 400, "invalid_parameters")
        generate = assert_error(idle_bob.post(DAYS, json={"parameters": wrong}), 400, "invalid_parameters")
        assert refused["fields"] == generate["fields"]
    assert row_counts(idle) == before
    dave = idle.client("dave")
    assert_error(dave.post(url, json={}), 403, "permission_denied")
    assert_error(idle.client("hank").post(url, json={}), 404, "report_not_found")
    assert_error(idle.client().post(url, json={}), 401, "not_authenticated")
    assert_error(idle_bob.post(url, json={"format": "csv"}), 400, "invalid_parameters")
