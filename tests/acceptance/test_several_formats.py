"""Several formats in one job: one read, all files or none, each with its own digest."""

from __future__ import annotations

import hashlib
import json
import uuid

import pytest

from tests.acceptance.helpers import GENERATE, assert_error, failing_report, query, temporary_report, wait_until


@pytest.fixture(scope="module")
def job(bob):
    job = bob.generate("sales-by-region", formats=["pdf", "csv", "xlsx"])
    assert bob.wait(job)["status"] == "Succeeded"
    return job


def test_the_status_lists_all_files_and_the_single_keys_describe_the_first(server, bob, job):
    status = bob.get(f"/jobs/{job}").json()
    results = status["results"]
    assert [result["format"] for result in results] == ["pdf", "csv", "xlsx"] == status["formats"]
    assert [sorted(result) for result in results] == 3 * [
        ["contentType", "filename", "format", "resultUrl", "sha256", "size"]
    ]
    assert status["format"] == "pdf" and status["resultUrl"] == f"{server.url}/api/v1/jobs/{job}/result"
    for key in ("filename", "contentType", "size", "sha256"):
        assert status["result"][key] == results[0][key]
    assert [result["filename"].rpartition(".")[2] for result in results] == ["pdf", "csv", "xlsx"]


def test_each_file_is_downloaded_by_its_format(bob, job):
    for result in bob.get(f"/jobs/{job}").json()["results"]:
        answer = bob.get(result["resultUrl"])
        assert answer.status_code == 200 and answer.headers["Content-Type"] == result["contentType"]
        assert len(answer.content) == result["size"]
        assert hashlib.sha256(answer.content).hexdigest() == result["sha256"]
        assert answer.headers["ETag"] == f'"{result["sha256"]}"'
    first = bob.get(f"/jobs/{job}/result")
    assert first.content.startswith(b"%PDF-")
    assert_error(bob.get(f"/jobs/{job}/result", params={"format": "json"}), 400, "invalid_parameters")


def test_the_audit_log_has_the_digest_of_each_file(server, bob, job):
    sql = "select details from audit_auditlog where target_id = ? and action = 'Job Succeeded'"
    details = json.loads(query(server, sql, job)[0]["details"])
    results = bob.get(f"/jobs/{job}").json()["results"]
    assert details["sha256"] == {result["format"]: result["sha256"] for result in results}


def test_a_job_with_one_format_has_one_result(bob):
    job = bob.generate("sales-by-region", format="json")
    status = bob.wait(job)
    assert (status["formats"], [result["format"] for result in status["results"]]) == (["json"], ["json"])
    assert bob.get(f"/jobs/{job}/result?format=json").json()


def test_an_unfinished_job_has_no_results(idle_bob):
    job = idle_bob.generate("sales-by-region", formats=["csv", "json"])
    status = idle_bob.get(f"/jobs/{job}").json()
    assert (status["formats"], status["results"], status["result"]) == (["csv", "json"], [], None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"formats": ["csv"], "format": "csv"}, "formats"),
        ({"formats": ["csv", "docx"]}, "formats"),
        ({"formats": ["csv", "csv"]}, "formats"),
        ({"formats": []}, "formats"),
        ({"formats": "csv"}, "formats"),
        ({"formats": [1.5, None]}, "formats"),
        ({"formats": None}, "formats"),
        ({"formats": ["csv"], "format": ""}, "format"),
    ],
)
def test_formats_that_make_no_sense_are_refused(idle_bob, body, field):
    error = assert_error(idle_bob.post(GENERATE, json=body), 400, "invalid_parameters")
    assert field in json.dumps(error["fields"])


def test_an_idempotency_key_covers_the_formats(idle_bob):
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    first = idle_bob.post(GENERATE, json={"formats": ["csv", "json"]}, headers=headers)
    again = idle_bob.post(GENERATE, json={"formats": ["csv", "json"]}, headers=headers)
    assert again.json()["jobId"] == first.json()["jobId"] and again.headers["Idempotency-Replayed"] == "true"
    other = idle_bob.post(GENERATE, json={"formats": ["json", "csv"]}, headers=headers)
    assert_error(other, 422, "idempotency_key_reused")


def test_a_retry_has_the_same_formats(alice):
    with failing_report(alice) as report:
        job = alice.generate(report, formats=["json", "csv"])
        alice.wait(job)
        retry = alice.post(f"/jobs/{job}/retry").json()["jobId"]
        assert alice.wait(retry)["formats"] == ["json", "csv"]


def test_a_limit_of_one_file_cuts_all(alice):
    options = {"max_bytes": 20_000, "query": "select s.day, s.region, s.amount from sale s, sale t"}
    with temporary_report(alice, **options) as report:
        job = alice.generate(report, formats=["csv", "json"])
        status = alice.wait(job)
        assert status["result"]["truncated"] is True
        as_csv = alice.get(f"/jobs/{job}/result?format=csv").text.splitlines()
        as_json = alice.get(f"/jobs/{job}/result?format=json").json()
        assert len(as_csv) - 1 == len(as_json) == status["result"]["rows"]


def test_purging_deletes_all_files(disposable):
    bob = disposable.client("bob")
    job = bob.generate("sales-by-region", formats=["csv", "xlsx"])
    bob.wait(job)
    files = [*disposable.folder.glob(f"artifacts/*/{job}/*")]
    assert sorted(file.suffix for file in files if file.suffix != ".rows") == [".csv", ".xlsx"]
    disposable.manage("purge_results", "--older-than", "0")
    wait_until(lambda: not [*disposable.folder.glob(f"artifacts/*/{job}/*")])
    status = bob.get(f"/jobs/{job}").json()
    assert (status["results"], status["resultUrl"]) == ([], None)
