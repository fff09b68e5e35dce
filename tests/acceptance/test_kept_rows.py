"""The kept rows of a result over HTTP: reading, sorting, searching, converting, and who may do that."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.acceptance.helpers import (
    assert_error,
    failed_job,
    job_row,
    query,
    succeeded_job,
    temporary_report,
    wait_until,
)
from tests.server import UNKNOWN_ID


@pytest.fixture(scope="module")
def job(bob):
    return succeeded_job(bob, format="pdf")


def test_rows_are_read_sorted_and_searched(bob, job):
    answer = bob.get(f"/jobs/{job}/rows")
    assert answer.status_code == 200 and answer.headers["Cache-Control"] == "private, no-store"
    body = answer.json()
    assert sorted(body) == ["columns", "rows", "total", "truncated"]
    assert [sorted(column) for column in body["columns"]] == 3 * [["label", "name", "type"]]
    assert [column["name"] for column in body["columns"]] == ["region", "sales", "total"]
    assert [column["label"] for column in body["columns"]] == ["Region", "Sales", "Total"]
    rows = [["north", 100, 14850], ["south", 100, 14950], ["west", 100, 15050]]
    assert (body["rows"], body["total"], body["truncated"]) == (rows, 3, False)
    newest = bob.get(f"/jobs/{job}/rows", params={"sort": "-total", "limit": 2, "offset": 1}).json()
    assert (newest["rows"], newest["total"]) == (rows[::-1][1:], 3)
    found = bob.get(f"/jobs/{job}/rows", params={"q": "OUTH"}).json()
    assert (found["rows"], found["total"]) == ([rows[1]], 1)


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"sort": "price"}, "sort"),
        ({"sort": "-"}, "sort"),
        ({"offset": -1}, "offset"),
        ({"offset": "x"}, "offset"),
        ({"limit": 0}, "limit"),
        ({"limit": 1_001}, "limit"),
        ({"q": "x" * 201}, "q"),
        ({"section": "one"}, "section"),
    ],
)
def test_bad_input_is_said_on_its_field(bob, job, parameters, field):
    error = assert_error(bob.get(f"/jobs/{job}/rows", params=parameters), 400, "invalid_parameters")
    assert list(error["fields"]) == [field]


def test_rights_are_those_of_the_result(server, bob, job):
    for method, call in (("GET", "rows"), ("POST", "convert")):
        path = f"/jobs/{job}/{call}"
        assert server.client("carol").request(method, path, json={"format": "csv"}).status_code in (200, 202)
        assert_error(server.client("dave").request(method, path), 403, "permission_denied")
        assert_error(server.client("erin").request(method, path), 403, "permission_denied")
        assert_error(server.client("hank").request(method, path), 404, "job_not_found")
        assert_error(bob.request(method, f"/jobs/{UNKNOWN_ID}/{call}"), 404, "job_not_found")


def test_states_are_those_of_the_result(idle_bob, bob):
    queued = idle_bob.generate("sales-by-region")
    assert_error(idle_bob.get(f"/jobs/{queued}/rows"), 409, "job_not_complete")
    assert_error(idle_bob.post(f"/jobs/{queued}/convert", json={"format": "csv"}), 409, "job_not_complete")
    failed = failed_job(bob, "broken")
    assert_error(bob.get(f"/jobs/{failed}/rows"), 410, "job_failed")
    assert_error(bob.post(f"/jobs/{failed}/convert", json={}), 410, "job_failed")


@pytest.mark.parametrize("changes", [{"keep_rows": 0}, {"keep_rows": 2}, {"formats": ["pdf", "html"]}])
def test_rows_are_only_kept_where_the_report_says_so(alice, changes):
    with temporary_report(alice, **changes) as report:
        job = succeeded_job(alice, report)
        assert_error(alice.get(f"/jobs/{job}/rows"), 404, "rows_not_kept")
        assert_error(alice.post(f"/jobs/{job}/convert", json={"format": "x"}), 404, "rows_not_kept")


def test_reading_rows_is_audited(server, bob, job):
    sql = "select count(*) as n from audit_auditlog where target_id = ? and action = 'Rows Read' and actor = 'bob'"
    before = query(server, sql, job)[0]["n"]
    bob.get(f"/jobs/{job}/rows")
    assert query(server, sql, job)[0]["n"] == before + 1


def test_a_conversion_renders_the_kept_rows_without_the_source(disposable, prepared):
    bob, alice = disposable.client("bob"), disposable.client("alice")
    with temporary_report(alice, formats=["csv", "json", "xlsx"], max_rows=2, retention_days=3) as report:
        job = succeeded_job(bob, report, format="csv")
        original = bob.get(f"/jobs/{job}").json()
        changed = alice.request("PATCH", f"/reports/{report}", json={"query": "select * from no_such_table"})
        assert changed.status_code == 200
        answer = bob.post(f"/jobs/{job}/convert", json={"format": "json"})
        assert answer.status_code == 202 and answer.headers["Location"] == answer.json()["statusUrl"]
        assert answer.json()["convertedFrom"] == job
        converted = bob.wait(answer.json()["jobId"])
        assert converted["status"] == "Succeeded", converted
        assert converted["convertedFrom"] == job and original["convertedFrom"] is None
        for key in ("expiresAt", "parameters", "requestedParameters", "report"):
            assert converted[key] == original[key], key
        assert converted["result"]["truncated"] is True and converted["format"] == "json"
        assert converted["result"]["truncatedReason"] == original["result"]["truncatedReason"]
        assert bob.get(converted["resultUrl"]).json() == [
            {"region": "north", "total": 14850}, {"region": "south", "total": 14950}
        ]  # fmt: skip
        assert bob.get(f"/jobs/{converted['jobId']}/rows").json()["total"] == 2
        (entry,) = query(disposable, "select * from audit_auditlog where target_id = ? and action = 'Job Convert'", job)
        assert json.loads(entry["details"]) == {
            "originalJobId": job, "newJobId": converted["jobId"], "format": "json"
        }  # fmt: skip


def test_a_format_that_the_version_does_not_have_is_refused(bob, alice, job):
    answer = bob.post(f"/jobs/{job}/convert", json={"format": "docx"})
    assert list(assert_error(answer, 400, "invalid_parameters")["fields"]) == ["format"]
    assert_error(bob.post(f"/jobs/{job}/convert", json={}), 400, "invalid_parameters")
    assert_error(bob.post(f"/jobs/{job}/convert", json={"format": "csv", "section": "a"}), 400, "invalid_parameters")


def test_kept_rows_are_purged_with_the_result(disposable):
    bob = disposable.client("bob")
    job = succeeded_job(bob)
    folder = disposable.folder / "artifacts" / job[:2] / job
    assert [*folder.glob("*.rows")]
    disposable.manage("purge_results", "--older-than", "0")
    wait_until(lambda: not folder.exists())
    assert_error(bob.get(f"/jobs/{job}/rows"), 404, "job_not_found")
    assert_error(bob.post(f"/jobs/{job}/convert", json={"format": "csv"}), 404, "job_not_found")


def test_a_damaged_file_of_kept_rows_is_never_read(disposable):
    bob = disposable.client("bob")
    job = succeeded_job(bob)
    (path,) = (disposable.folder / "artifacts" / job[:2] / job).glob("*.rows")
    path.write_bytes(b"x" * path.stat().st_size)
    assert_error(bob.get(f"/jobs/{job}/rows"), 404, "rows_not_kept")
    assert bob.get(f"/jobs/{job}/result").status_code == 200, "the result itself is there"
    convert = bob.post(f"/jobs/{job}/convert", json={"format": "json"})
    failed = bob.wait(convert.json()["jobId"])
    assert (failed["status"], failed["errorDetails"]["code"]) == ("Failed", "rows_gone")


def test_a_retried_conversion_still_does_not_read_the_source(disposable):
    bob, alice = disposable.client("bob"), disposable.client("alice")
    job = succeeded_job(bob)
    (path,) = (disposable.folder / "artifacts" / job[:2] / job).glob("*.rows")
    hidden = path.with_suffix(".hidden")
    shutil.copy2(path, hidden)
    path.unlink()
    convert = bob.post(f"/jobs/{job}/convert", json={"format": "json"}).json()["jobId"]
    assert bob.wait(convert)["status"] == "Failed"
    hidden.rename(path)
    retry = alice.post(f"/jobs/{convert}/retry").json()["jobId"]
    assert alice.wait(retry)["status"] == "Succeeded"
    assert alice.get(f"/jobs/{retry}").json()["convertedFrom"] == job
    assert job_row(disposable, retry)["rows"] == 3
