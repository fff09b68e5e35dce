"""US-096 AC-005 and BR-003: missing, damaged and purged files, and streaming of large ones."""

from __future__ import annotations

import hashlib
import os
import re

import psutil
import pytest

from tests.acceptance.helpers import assert_error, query, succeeded_job, temporary_report, wait_until

MISSING = "Internal server error: Result file for completed job is missing."


def stored_file(server, job):
    """Return the path of the job's result file."""
    files = (server.folder / "artifacts" / job[:2] / job).iterdir()
    (path,) = [path for path in files if path.is_file() and path.suffix != ".rows"]
    return path


def delete(path):
    path.unlink()


def overwrite(path):
    path.write_bytes(b"x" * path.stat().st_size)


def overwrite_and_hide_the_time(path):
    before = path.stat()
    path.write_bytes(b"x" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def shorten(path):
    path.write_bytes(path.read_bytes()[:-1])


def replace_by_a_link(path):
    copy = path.with_name("copy")
    path.rename(copy)
    path.symlink_to(copy)


def replace_by_a_folder(path):
    path.unlink()
    path.mkdir()


def replace_by_a_pipe(path):
    path.unlink()
    os.mkfifo(path)


def replace_its_folder_by_a_link(path):
    elsewhere = path.parents[3] / f"elsewhere-{path.parent.name}"
    path.parent.rename(elsewhere)
    path.parent.symlink_to(elsewhere)


DAMAGES = [
    delete,
    overwrite,
    overwrite_and_hide_the_time,
    shorten,
    replace_by_a_link,
    replace_by_a_folder,
    replace_by_a_pipe,
    replace_its_folder_by_a_link,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_us096_ac005_a_damaged_file_is_an_internal_error(server, bob, alice, damage):
    job = succeeded_job(bob)
    damage(stored_file(server, job))
    body = assert_error(bob.get(f"/jobs/{job}/result"), 500, "result_missing", MISSING)
    assert str(server.folder) not in str(body)
    assert bob.get(f"/jobs/{job}").json()["status"] == "Succeeded"
    lines = [line for line in server.logs() if line["level"] == "CRITICAL" and job in line["message"]]
    assert len(lines) == 1
    (entry,) = alice.get("/audit", params={"target": job, "action": "Result Missing"}).json()["results"]
    assert entry["actor"] == "bob"


@pytest.mark.parametrize("damage", [delete, overwrite, shorten])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_us096_ac005_a_damaged_file_is_never_answered_with_304_or_headers(server, bob, alice, damage, method):
    job = succeeded_job(bob)
    etag = f'"{bob.get(f"/jobs/{job}").json()["result"]["sha256"]}"'
    damage(stored_file(server, job))
    for headers in ({"If-None-Match": etag}, {}, {"Range": "bytes=100000-"}):
        assert bob.request(method, f"/jobs/{job}/result", headers=headers).status_code == 500
    lines = [line for line in server.logs() if line["level"] == "CRITICAL" and job in line["message"]]
    entries = alice.get("/audit", params={"target": job, "action": "Result Missing"}).json()["results"]
    assert len(lines) == len(entries) == 3


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_us096_a_store_that_is_not_mounted_is_unavailable_and_nothing_is_missing(server, bob, alice, method):
    job = succeeded_job(bob)
    path, marker = stored_file(server, job), server.folder / "artifacts" / "store-id"
    hidden = {path: path.with_name("hidden"), marker: marker.with_name("hidden")}
    for each, aside in hidden.items():
        each.rename(aside)
    try:
        answer = bob.request(method, f"/jobs/{job}/result")
    finally:
        for each, aside in hidden.items():
            aside.rename(each)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    if method == "GET":
        assert answer.json()["code"] == "storage_unavailable"
    assert not alice.get("/audit", params={"target": job, "action": "Result Missing"}).json()["results"]
    assert bob.get(f"/jobs/{job}/result").status_code == 200


def test_us096_ac005_a_restored_file_is_sent(server, bob):
    job = succeeded_job(bob)
    path = stored_file(server, job)
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    assert bob.get(f"/jobs/{job}/result").content == content


def test_us096_ac005_the_path_of_the_file_contains_no_user_input(server, bob, alice):
    with temporary_report(alice, name="../../../etc/passwd") as report:
        job = succeeded_job(bob, report)
        path = stored_file(server, job)
        disposition = bob.get(f"/jobs/{job}/result").headers["Content-Disposition"]
    assert path.relative_to(server.folder).parts[:3] == ("artifacts", job[:2], job)
    assert re.fullmatch(r"\d+-[0-9a-f]+\.csv", path.name), "the fence and the token of the claim"
    assert "/" not in disposition and "\\" not in disposition


def test_us096_br003_a_purged_result_is_not_found_and_its_status_stays(disposable):
    bob, alice = disposable.client("bob"), disposable.client("alice")
    job = succeeded_job(bob)
    kept = query(disposable, "select count(*) as n from jobs_artifact where purged_at is null")[0]["n"]
    assert job in disposable.manage("purge_results", "--older-than", "0", "--dry-run").stdout
    assert bob.get(f"/jobs/{job}/result").status_code == 200
    assert f"{kept} result(s)" in disposable.manage("purge_results", "--older-than", "0").stdout
    answer = bob.get(f"/jobs/{job}/result")
    assert answer.json() == {"error": f"Job with ID '{job}' not found.", "code": "job_not_found"}
    assert answer.status_code == 404
    status = bob.get(f"/jobs/{job}").json()
    assert (status["status"], status["resultUrl"], status["result"]) == ("Succeeded", None, None)
    assert not (disposable.folder / "artifacts" / job[:2] / job).exists()
    kinds = [event["kind"] for event in bob.get(f"/jobs/{job}/events").json()["results"]]
    assert kinds == ["queued", "claimed", "succeeded", "purged"]
    (entry,) = alice.get("/audit", params={"target": job, "action": "Result Purge"}).json()["results"]
    assert entry["actor"].startswith("operator:")


@pytest.fixture(scope="module")
def large(bob):
    """A job whose result has more than 100 MB."""
    job = bob.generate("many-rows", {"rows": 1_200_000, "copies": 4})
    status = bob.wait(job, seconds=120)
    assert status["result"]["size"] > 100_000_000, status
    return status


def _web_memory(server):
    """Return the private memory of the web processes, in bytes."""
    web = [
        child
        for child in psutil.Process(server.process.pid).children(recursive=True)
        if "gunicorn" in str(child.cmdline())
    ]
    assert web
    return sum(process.memory_info().rss - process.memory_info().shared for process in web)


def test_us096_ac001_a_large_result_is_streamed(server, bob, large):
    before, seen, digest = _web_memory(server), 0, hashlib.sha256()
    with bob.http.stream("GET", large["resultUrl"]) as answer:
        assert answer.headers["Content-Length"] == str(large["result"]["size"])
        for block in answer.iter_raw(1 << 20):
            assert seen or len(block) < large["result"]["size"]
            seen += len(block)
            digest.update(block)
            if seen < 100_000_000:
                continue
            assert _web_memory(server) - before < 50_000_000
    assert (seen, digest.hexdigest()) == (large["result"]["size"], large["result"]["sha256"])


def test_us096_ac001_an_interrupted_download_can_be_resumed(bob, large):
    with bob.http.stream("GET", large["resultUrl"]) as answer:
        start = next(answer.iter_raw(1 << 20))
        etag = answer.headers["ETag"]
    headers = {"Range": f"bytes={len(start)}-{len(start) + 999}", "If-Range": etag}
    part = bob.get(large["resultUrl"], headers=headers)
    assert part.status_code == 206
    assert part.headers["Content-Range"] == f"bytes {len(start)}-{len(start) + 999}/{large['result']['size']}"


def test_us096_ac001_a_large_download_does_not_block_other_calls(bob, carol, large):
    with bob.http.stream("GET", large["resultUrl"]) as answer:
        next(answer.iter_raw(1 << 16))
        assert wait_until(lambda: carol.get(f"/jobs/{large['jobId']}").status_code) == 200
