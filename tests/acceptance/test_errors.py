"""Errors of all kinds have one shape and reveal nothing internal; every call leaves one log line."""

from __future__ import annotations

import re
import uuid

import pytest

from tests.acceptance.helpers import GENERATE, assert_error, failed_job, succeeded_job, wait_until
from tests.server import UNKNOWN_ID

PROBLEM = {"Accept": "application/problem+json"}


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/", "/api/v1", "/api/v2/jobs", "/api/", "/api/v1/jobs/"])
def test_an_unknown_url_is_answered_in_json(bob, anonymous, path):
    for client in (bob, anonymous):
        answer = client.get(path)
        assert_error(answer, 404, "not_found")
        assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/jobs", "GET"),
        ("GET", GENERATE, "POST"),
        ("PUT", f"/jobs/{UNKNOWN_ID}", "GET"),
        ("POST", f"/jobs/{UNKNOWN_ID}/result", "GET"),
        ("GET", f"/jobs/{UNKNOWN_ID}/retry", "POST"),
        ("GET", "/auth/token", "POST"),
        ("POST", "/audit", "GET"),
    ],
)
def test_a_wrong_method_is_answered_with_the_allowed_ones(alice, method, path, allowed):
    answer = alice.request(method, path)
    assert_error(answer, 405, "method_not_allowed")
    assert allowed in answer.headers["Allow"].split(", ")


def problems(bob, dave, gina, anonymous):
    """Calls that end in different errors, by status."""
    nothing = str(uuid.uuid4())
    return {
        400: lambda headers: bob.post(GENERATE, json={"parameters": {"region": 5}}, headers=headers),
        401: lambda headers: anonymous.get("/jobs", headers=headers),
        403: lambda headers: dave.post(GENERATE, headers=headers),
        404: lambda headers: bob.get(f"/jobs/{nothing}", headers=headers),
        405: lambda headers: bob.request("DELETE", "/jobs", headers=headers),
        409: lambda headers: bob.post("/reports/mailed/generate", headers=headers),
        410: lambda headers: bob.get(f"/jobs/{failed_job(bob, 'broken')}/result", headers=headers),
        415: lambda headers: bob.post(GENERATE, content=b"{}", headers={**headers, "Content-Type": "text/plain"}),
    }


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 415])
def test_a_client_that_accepts_it_gets_a_problem_of_rfc_9457(bob, dave, gina, anonymous, status):
    call = problems(bob, dave, gina, anonymous)[status]
    plain, problem = call({}), call(PROBLEM)
    assert plain.headers["Content-Type"] == "application/json"
    assert problem.headers["Content-Type"] == "application/problem+json"
    assert problem.status_code == plain.status_code == status
    body = problem.json()
    assert body["status"] == status
    assert (body["code"], body["detail"]) == (plain.json()["code"], body["error"])
    assert body["title"] and body["type"] == "about:blank"
    assert body["instance"] == problem.request.url.path


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("Application/Problem+JSON", "application/problem+json"),
        ("application/json, application/problem+json;q=0.5", "application/problem+json"),
        ("text/html , application/problem+json ; Q=1", "application/problem+json"),
        ("application/problem+json;q=0", "application/json"),
        ("application/problem+json; q=0.000", "application/json"),
        ("application/problem+json-not", "application/json"),
        ("*/*", "application/json"),
        (",;=,q=", "application/json"),
    ],
)
def test_the_accept_header_is_parsed_as_http_defines_it(bob, accept, media_type):
    for path in (f"/jobs/{UNKNOWN_ID}", "/nothing"):
        assert bob.get(path, headers={"Accept": accept}).headers["Content-Type"] == media_type


def test_an_unknown_url_is_a_problem_of_rfc_9457_too(bob):
    answer = bob.get("/api/v1/nothing", headers=PROBLEM)
    assert (answer.headers["Content-Type"], answer.json()["status"]) == ("application/problem+json", 404)


@pytest.mark.parametrize("report", ["broken", "source-gone", "times-out"])
def test_errors_of_jobs_reveal_nothing_internal(server, bob, report):
    job = failed_job(bob, report)
    answers = bob.get(f"/jobs/{job}").text + bob.get(f"/jobs/{job}/events").text + bob.get(f"/jobs/{job}/result").text
    for inner in ("Traceback", ".db", "select", "no such table", "no_such_table", str(server.folder), "sqlite"):
        assert inner not in answers


@pytest.mark.parametrize(
    "path",
    [
        "/jobs/%ff",
        "/jobs/..%2f..%2fetc%2fpasswd",
        "/jobs?status=%00",
        "/jobs?cursor=%ff%fe",
        "/jobs?cursor=bogus",
        "/jobs?pageSize=-1",
        "/jobs?pageSize=99999999999999999999999",
        "/jobs?q=%00",
        "/jobs?report=%00",
        "/jobs?since=99999-01-01",
        "/jobs?since=0001-01-01T00:00:00%2B14:00",
        "/reports/%00",
        "/audit?target=%00",
        "/audit?actor=%00",
        "/jobs?cursor=cD1ub3doZXJl",
        "/audit?cursor=cD1ub3doZXJl",
        "/jobs?" + "&".join(f"x{number}=1" for number in range(500)),
    ],
)
def test_odd_urls_never_break_the_server(alice, path):
    answer = alice.get(path)
    assert answer.status_code in (200, 400, 404), answer.text
    if answer.status_code != 200:
        assert set(answer.json()) >= {"error", "code"}


def test_each_call_gets_a_request_id_of_its_own(bob):
    first, second = (bob.get("/jobs").headers["X-Request-ID"] for _ in range(2))
    assert first != second and len(first) >= 8


def test_a_request_id_of_the_client_is_sent_back_and_logged(server, bob):
    given = f"test-{uuid.uuid4()}"
    assert bob.get("/jobs", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given
    assert len(lines(server, given)) == 1


@pytest.mark.parametrize("given", ["", "short", "x" * 500, "two words 12345", 'quote"12345678', "ключ-12345".encode()])
def test_an_unsafe_request_id_is_replaced(bob, given):
    sent_back = bob.get("/jobs", headers={"X-Request-ID": given}).headers["X-Request-ID"]
    assert re.fullmatch(r"[A-Za-z0-9._-]{8,64}", sent_back)


def lines(server, request_id):
    """Return the log lines of one call. It is logged while its answer is being sent."""
    return wait_until(lambda: [line for line in server.logs() if line.get("request_id") == request_id])


def test_every_call_leaves_one_log_line_with_user_call_and_outcome(server, bob, anonymous):
    job = succeeded_job(bob)
    calls = {
        f"GET-{uuid.uuid4()}": (bob, "GET", f"/jobs/{job}", 200, "bob"),
        f"RES-{uuid.uuid4()}": (bob, "GET", f"/jobs/{job}/result", 200, "bob"),
        f"BAD-{uuid.uuid4()}": (bob, "POST", "/reports/mailed/generate", 409, "bob"),
        f"NOT-{uuid.uuid4()}": (bob, "GET", "/nothing", 404, None),
        f"ANY-{uuid.uuid4()}": (anonymous, "GET", "/jobs", 401, None),
    }
    for request_id, (client, method, path, status, user) in calls.items():
        assert client.request(method, path, headers={"X-Request-ID": request_id}).status_code == status
        (line,) = lines(server, request_id)
        assert (line["status"], line["user"]) == (status, user)
        assert line["call"].startswith(f"{method} ")
        assert line["milliseconds"] >= 0
        assert (line["tenant"] is not None) == (user is not None)
        assert line.get("job_id") == (job if job in path else None)


def test_the_log_line_of_generate_names_the_new_job(server, bob):
    request_id = f"new-{uuid.uuid4()}"
    job = bob.post(GENERATE, headers={"X-Request-ID": request_id}).json()["jobId"]
    (line,) = lines(server, request_id)
    assert line["job_id"] == job


def test_the_logs_contain_no_token_no_password_and_no_parameter_value(server, bob):
    secret = f"secret-{uuid.uuid4().hex[:8]}"
    job = succeeded_job(bob, parameters={"region": secret})
    bob.get(f"/jobs/{job}/result")
    bob.get("/jobs", params={"q": secret, "token": secret})
    assert_error(bob.post(GENERATE, json={"parameters": {"region": secret * 9}}), 400, "invalid_parameters")
    signed_in = bob.http.post("/api/v1/auth/token", json={"username": "bob", "password": "bob-password-1"}).json()
    bob.http.post("/api/v1/auth/token", json={"username": "bob", "password": secret})
    bob.http.post("/api/v1/auth/token/revoke", json={"refresh": signed_in["refresh"]})
    logs = "".join(path.read_text() for path in (server.folder / "logs").iterdir())
    for hidden in (signed_in["access"], signed_in["refresh"], "bob-password-1", f'"{secret}', f"={secret}"):
        assert hidden not in logs


def test_the_logs_do_not_contain_a_malformed_id(server, bob):
    request_id, typed = f"typed-{uuid.uuid4()}", f"secret-{uuid.uuid4().hex}"
    assert_error(bob.get(f"/jobs/{typed}", headers={"X-Request-ID": request_id}), 404, "job_not_found")
    (line,) = lines(server, request_id)
    assert typed not in str(line)
