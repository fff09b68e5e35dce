"""US-096: downloads of results."""

from __future__ import annotations

import base64
import hashlib
import re
from urllib.parse import unquote

import pytest

from tests.acceptance.helpers import assert_error, cancel, failed_job, query, succeeded_job

CSV = b"region,sales,total\r\nnorth,100,14850\r\nsouth,100,14950\r\nwest,100,15050\r\n"
NOT_COMPLETE = "Job is not yet complete. Please continue polling the status URL."
NO_RESULT = "Job failed to generate a result. Check job logs for details."


@pytest.fixture(scope="module")
def job(bob):
    """A succeeded job, for tests that don't change it."""
    return succeeded_job(bob)


def test_us096_ac001_the_file_is_the_result(bob, job):
    answer = bob.get(f"/jobs/{job}/result")
    result = bob.get(f"/jobs/{job}").json()["result"]
    digest = hashlib.sha256(answer.content)
    assert answer.status_code == 200
    assert answer.content.replace(b"\r\n", b"\n") == CSV.replace(b"\r\n", b"\n")
    assert answer.headers["ETag"] == f'"{digest.hexdigest()}"'
    assert answer.headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
    assert (result["sha256"], result["size"], result["rows"]) == (digest.hexdigest(), len(answer.content), 3)
    assert result["contentType"] == answer.headers["Content-Type"]


def test_us096_ac001_the_headers_describe_the_file_and_keep_it_private(bob, job):
    headers = bob.get(f"/jobs/{job}/result").headers
    assert headers["Content-Type"].startswith("text/csv")
    assert headers["Content-Length"] == str(bob.get(f"/jobs/{job}").json()["result"]["size"])
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "private, no-store"
    assert "sandbox" in headers["Content-Security-Policy"]


def test_us096_ac001_the_file_has_an_ascii_name_and_its_real_one(bob, job):
    disposition = bob.get(f"/jobs/{job}/result").headers["Content-Disposition"]
    found = re.fullmatch(r"attachment; filename=\"([\x20-\x7e]+)\"; filename\*=UTF-8''([\w.%~-]+)", disposition)
    assert found[1].startswith("sales-by-region") and found[1].endswith(".csv")
    assert unquote(found[2]) == bob.get(f"/jobs/{job}").json()["result"]["filename"]
    assert unquote(found[2]).startswith("Sales by région")


@pytest.mark.parametrize(
    "accept", ["application/pdf", "text/csv", "nonsense", "image/png;q=0.1", "", "text/html, */*;q=0"]
)
def test_us096_ac001_every_accept_header_gets_the_file(bob, job, accept):
    answer = bob.get(f"/jobs/{job}/result", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (200, "text/csv")
    assert answer.content.startswith(b"region,sales,total")


def test_us096_ac001_head_has_the_headers_of_get(bob, job):
    head, get = (bob.request(method, f"/jobs/{job}/result") for method in ("HEAD", "GET"))
    assert (head.status_code, head.content) == (200, b"")
    varying = {"date", "x-request-id", "ratelimit", "connection"}
    assert {n: v for n, v in head.headers.items() if n not in varying} == {
        n: v for n, v in get.headers.items() if n not in varying
    }


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=3-9", 3, 10),
        ("bytes=10-", 10, None),
        ("bytes=-5", -5, None),
        ("bytes=-100000", 0, None),
        ("bytes=60-100000", 60, None),
        ("Bytes=0-3", 0, 4),
    ],
)
def test_us096_ac001_a_range_is_sent_with_206(bob, job, asked, start, stop):
    whole = bob.get(f"/jobs/{job}/result")
    part = bob.get(f"/jobs/{job}/result", headers={"Range": asked})
    expected = whole.content[start:stop]
    begin = whole.content.index(expected) if start < 0 else start
    assert (part.status_code, part.content) == (206, expected)
    size = len(whole.content)
    assert part.headers["Content-Range"] == f"bytes {begin}-{begin + len(expected) - 1}/{size}"
    assert part.headers["Content-Length"] == str(len(expected))
    assert part.headers["ETag"] == whole.headers["ETag"]


@pytest.mark.parametrize("asked", ["bytes=100000-", "bytes=100000-100001", "bytes=-0"])
def test_us096_ac001_a_range_beyond_the_file_is_not_satisfiable(bob, job, asked):
    answer = bob.get(f"/jobs/{job}/result", headers={"Range": asked})
    size = bob.get(f"/jobs/{job}").json()["result"]["size"]
    assert answer.headers["Content-Range"] == f"bytes */{size}"
    error = assert_error(answer, 416, "range_not_satisfiable")
    assert answer.headers["Content-Type"] == "application/json"
    problem = bob.get(f"/jobs/{job}/result", headers={"Range": asked, "Accept": "application/problem+json"})
    assert problem.headers["Content-Type"] == "application/problem+json"
    assert (problem.json()["status"], problem.json()["detail"]) == (416, error["error"])
    assert problem.headers["Content-Range"] == answer.headers["Content-Range"]


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=0-1,3-4",
        "bytes=5-2",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "rows=0-1",
        "0-1",
        "bytes=1-2-3",
        "bytes=0x0-1",
        "٣",
    ],
)
def test_us096_ac001_several_or_invalid_ranges_get_the_whole_file(bob, job, asked):
    answer = bob.get(f"/jobs/{job}/result", headers={"Range": asked.encode()})
    assert answer.status_code == 200
    assert len(answer.content) == int(answer.headers["Content-Length"])


def test_us096_ac001_a_range_with_another_if_range_gets_the_whole_file(bob, job):
    etag = bob.get(f"/jobs/{job}/result").headers["ETag"]
    codes = [
        bob.get(f"/jobs/{job}/result", headers={"Range": "bytes=0-3", "If-Range": condition}).status_code
        for condition in (etag, '"another"', f"W/{etag}", "Wed, 21 Oct 2015 07:28:00 GMT")
    ]
    assert codes == [206, 200, 200, 200]


def test_us096_ac001_a_file_that_the_client_already_has_is_answered_with_304(bob, job):
    etag = bob.get(f"/jobs/{job}/result").headers["ETag"]
    for have in (etag, f'"other", {etag}', "*", f"W/{etag}"):
        answer = bob.get(f"/jobs/{job}/result", headers={"If-None-Match": have})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", etag)
        assert not {"content-length", "transfer-encoding"} & {*answer.headers}
    assert bob.get(f"/jobs/{job}/result", headers={"If-None-Match": '"other"'}).status_code == 200


def test_us096_ac001_a_download_is_audited(server, bob):
    job = succeeded_job(bob)
    bob.get(f"/jobs/{job}/result")
    entries = query(server, "select actor from audit_auditlog where target_id = ? and action = 'Result Download'", job)
    assert entries == [{"actor": "bob"}]


def test_us096_ac002_the_result_of_an_unknown_job_is_not_found(bob):
    job = "00000000-0000-4000-8000-000000000000"
    answer = bob.get(f"/jobs/{job}/result")
    assert answer.json() == {"error": f"Job with ID '{job}' not found.", "code": "job_not_found"}
    assert answer.status_code == 404


def test_us096_ac003_the_result_of_a_queued_job_is_not_ready(idle_bob):
    answer = idle_bob.get(f"/jobs/{idle_bob.generate('sales-by-region')}/result")
    body = assert_error(answer, 409, "job_not_complete")
    assert (body["status"], body["message"]) == ("Queued", NOT_COMPLETE)
    assert int(answer.headers["Retry-After"]) >= 1


def test_us096_ac003_the_result_of_a_running_job_is_not_ready(bob):
    job = bob.generate("slow")
    bob.wait(job, "Running")
    answer = bob.get(f"/jobs/{job}/result")
    cancel(bob, job)
    body = assert_error(answer, 409, "job_not_complete")
    assert (body["status"], body["message"]) == ("Running", NOT_COMPLETE)
    assert int(answer.headers["Retry-After"]) >= 1


def test_us096_ac004_a_failed_job_has_no_result(bob):
    body = assert_error(bob.get(f"/jobs/{failed_job(bob, 'broken')}/result"), 410, "job_failed")
    assert (body["status"], body["message"]) == ("Failed", NO_RESULT)


def test_us096_ac007_without_a_grant_the_result_is_refused_whatever_its_state(bob, erin, dave, job):
    for asked in (job, failed_job(bob, "broken")):
        assert_error(dave.get(f"/jobs/{asked}/result"), 403, "permission_denied")
    assert_error(erin.get(f"/jobs/{job}/result"), 403, "permission_denied")


def test_us096_ac007_the_generate_grant_is_enough_for_the_own_result(erin):
    assert erin.get(f"/jobs/{succeeded_job(erin)}/result").status_code == 200
