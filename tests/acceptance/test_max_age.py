"""`max_age` in generate: a result that is new enough is used again."""

from __future__ import annotations

import time

import pytest

from tests.acceptance.helpers import GENERATE, assert_error, temporary_report


def reused(client, report, **body):
    """Request the report. Return the job's id, and whether it is an earlier one."""
    answer = client.post(f"/reports/{report}/generate", json=body)
    assert answer.status_code == 202, answer.text
    client.wait(answer.json()["jobId"])
    return answer.json()["jobId"], answer.headers.get("Reused") == "true"


def test_the_callers_own_recent_result_is_used_again(alice, bob):
    with temporary_report(alice) as report:
        first, _ = reused(bob, report)
        assert reused(bob, report, max_age=600) == (first, True)
        assert reused(bob, report, max_age=600, format="csv") == (first, True)
        # Another format, another caller, another version, or without max_age: a new job.
        assert reused(bob, report, max_age=600, format="json")[1] is False
        assert reused(bob, report, max_age=600, formats=["csv", "json"])[1] is False
        assert reused(alice, report, max_age=600)[1] is False
        assert reused(bob, report)[1] is False
        alice.request("PATCH", f"/reports/{report}", json={"description": "another version"})
        assert reused(bob, report, max_age=600)[1] is False


def test_parameters_are_compared_as_they_are_resolved(bob):
    first, _ = reused(bob, "sales-by-region", parameters={"since": "today", "region": "west"})
    day = bob.get(f"/jobs/{first}").json()["parameters"]["since"]
    body = {"max_age": 3600, "parameters": {"since": day, "region": "west"}}
    assert reused(bob, "sales-by-region", **body) == (first, True)
    body["parameters"] = {"since": day, "region": "north"}
    assert reused(bob, "sales-by-region", **body)[1] is False


def test_an_older_result_and_a_conversion_are_not_used_again(alice, bob):
    with temporary_report(alice) as report:
        first, _ = reused(bob, report)
        converted = bob.post(f"/jobs/{first}/convert", json={"format": "json"}).json()["jobId"]
        bob.wait(converted)
        assert reused(bob, report, format="json", max_age=600)[1] is False
        time.sleep(2.1)
        assert reused(bob, report, max_age=2)[1] is False


@pytest.mark.parametrize("max_age", [0, -1, "soon", None, 10**9])
def test_an_age_that_makes_no_sense_is_refused(idle_bob, max_age):
    answer = idle_bob.post(GENERATE, json={"max_age": max_age})
    assert list(assert_error(answer, 400, "invalid_parameters")["fields"]) == ["max_age"]
