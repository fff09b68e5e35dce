"""POST /reports/{id}/run: the file in the response, from a job like any other."""

from __future__ import annotations

from tests.acceptance.helpers import assert_error

SENTENCE = "Report is not configured for synchronous generation."


def test_a_synchronous_report_is_answered_with_its_file(bob):
    answer = bob.post("/reports/at-once/run")
    assert answer.status_code == 200, answer.text
    assert answer.text.replace('"', "").split() == ["one", "1"]
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="at-once-')
    (job,) = bob.get("/jobs", params={"report": "at-once", "pageSize": 1}).json()["results"]
    assert (job["status"], job["result"]["sha256"]) == ("Succeeded", answer.headers["ETag"].strip('"'))
    assert answer.headers["Content-Location"] == job["resultUrl"]


def test_ranges_and_conditions_do_not_apply_to_a_post(bob):
    answer = bob.post("/reports/at-once/run", headers={"Range": "bytes=0-1", "If-None-Match": "*"})
    assert (answer.status_code, len(answer.content)) == (200, int(answer.headers["Content-Length"]))


def test_a_run_that_exceeds_the_wait_is_answered_with_its_job(idle_bob):
    answer = idle_bob.post("/reports/at-once/run")
    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "Queued"
    assert answer.headers["Location"] == answer.json()["statusUrl"]


def test_a_synchronous_report_that_fails_is_answered_with_410(alice, bob):
    report = alice.get("/reports/at-once").json()["definition"] | {
        "slug": "at-once-broken",
        "query": "select * from no",
    }
    assert alice.post("/reports", json=report).status_code == 201
    try:
        body = assert_error(bob.post("/reports/at-once-broken/run"), 410, "job_failed")
        assert body["status"] == "Failed"
        assert bob.get(f"/jobs/{body['jobId']}").json()["errorDetails"]["code"] == "query_failed"
    finally:
        alice.request("DELETE", "/reports/at-once-broken")


def test_other_reports_are_answered_with_409(bob):
    assert_error(bob.post("/reports/sales-by-region/run"), 409, "report_not_synchronous", SENTENCE)
    assert_error(bob.post("/reports/mailed/run"), 409, "report_not_synchronous", SENTENCE)
    assert_error(bob.post("/reports/at-once/generate"), 409, "report_not_asynchronous")


def test_run_checks_rights_and_input_as_generate_does(carol, gina, anonymous, bob):
    assert_error(anonymous.post("/reports/at-once/run"), 401, "not_authenticated")
    assert_error(gina.post("/reports/at-once/run"), 404, "report_not_found")
    assert_error(carol.post("/reports/at-once/run"), 403, "permission_denied")
    assert set(assert_error(bob.post("/reports/at-once/run", json={"x": 1}), 400, "invalid_parameters")["fields"]) == {
        "x"
    }


def test_the_same_key_gives_the_same_result(bob):
    answers = [bob.post("/reports/at-once/run", headers={"Idempotency-Key": "run-once"}) for _ in range(2)]
    assert [answer.headers.get("Idempotency-Replayed") for answer in answers] == [None, "true"]
    assert answers[0].content == answers[1].content
