"""An object store that is down, slow, overloaded, or changed behind the server's back."""

from __future__ import annotations

import hashlib
import socket
from urllib.parse import urlsplit

import httpx
import pytest

from tests.acceptance.helpers import assert_error, query, succeeded_job, wait_until
from tests.acceptance.test_us096_storage import MISSING
from tests.object_store.proxy import Fault
from tests.weed import SECRET


def is_result(method, path):
    return path.partition("?")[0].endswith((".csv", ".rows"))


def is_upload(method, path):
    return method in ("PUT", "POST") and is_result(method, path)


def result_name(objects, job):
    (name,) = [meta["path"] for found in objects.find(f"{job[:2]}/{job}") for meta in found if "csv" in meta["path"]]
    return name


def missing_entries(alice, job):
    return alice.get("/audit", params={"target": job, "action": "Result Missing"}).json()["results"]


UNREACHABLE = {
    "down": Fault(0),
    "overloaded": Fault(503, "SlowDown"),
    "broken": Fault(500, "InternalError"),
    "with other credentials": Fault(403, "InvalidAccessKeyId"),
    "without the bucket": Fault(404, "NoSuchBucket"),
}


@pytest.fixture(scope="module")
def job(bob):
    return succeeded_job(bob)


@pytest.fixture(scope="module")
def large(bob):
    """A job whose result was uploaded in parts, and takes many blocks to send."""
    status = bob.wait(bob.generate("many-rows", {"rows": 250_000, "copies": 4}), seconds=300)
    assert status["result"]["size"] > 20_000_000, status
    return status


@pytest.mark.parametrize("fault", UNREACHABLE)
def test_a_store_out_of_reach_is_unavailable_and_nothing_is_missing(server, proxy, bob, alice, job, fault):
    sha256 = bob.get(f"/jobs/{job}").json()["result"]["sha256"]
    with proxy.failing(UNREACHABLE[fault]):
        for method, headers in (("GET", {}), ("HEAD", {}), ("GET", {"If-None-Match": f'"{sha256}"'})):
            answer = bob.request(method, f"/jobs/{job}/result", headers=headers)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
            if method == "GET":
                assert answer.json()["code"] == "storage_unavailable"
        assert server.probe().status_code == 503
    assert not missing_entries(alice, job)
    assert bob.get(f"/jobs/{job}/result").status_code == 200
    assert not [line for line in server.logs() if SECRET in str(line)]


@pytest.mark.parametrize("fault", [Fault(503, "SlowDown", times=2), Fault(0, times=1), Fault(500, times=1)])
def test_a_request_that_fails_once_is_repeated(proxy, bob, job, fault):
    with proxy.failing(fault):
        assert bob.get(f"/jobs/{job}/result").status_code == 200
    assert fault.times == 0


@pytest.mark.parametrize(
    "fault",
    [
        Fault(503, "SlowDown", concerns=is_upload, times=3),
        Fault(0, concerns=is_upload, times=2),
        # The object is there by then, and the request to create it is repeated.
        Fault(500, "InternalError", concerns=is_upload, times=1, after=True),
    ],
    ids=["overloaded", "closes connections", "loses an answer"],
)
def test_a_result_is_published_once_the_store_takes_it(server, proxy, bob, fault):
    with proxy.failing(fault):
        job = succeeded_job(bob)
    assert fault.times == 0
    assert bob.get(f"/jobs/{job}/result").status_code == 200
    assert bob.get(f"/jobs/{job}").json()["attempt"] == 1


@pytest.mark.parametrize("fault", [Fault(0), Fault(403, "AccessDenied")], ids=["down", "without rights"])
def test_a_job_waits_for_a_store_out_of_reach_and_is_never_failed(server, proxy, bob, fault):
    with proxy.failing(fault):
        job = bob.generate("sales-by-region")
        assert wait_until(lambda: query(server, "select note from jobs_workerhost where note != ''"))
        assert bob.get(f"/jobs/{job}").json()["status"] in ("Queued", "Running")
        doctor = server.manage("doctor", check=False).stdout
        assert "REPORTSERVER_ARTIFACTS_URL can't be used: " in doctor and "Traceback" not in doctor
    status = bob.wait(job)
    assert (status["status"], status["attempt"]) == ("Succeeded", 1), bob.get(f"/jobs/{job}/events").text


def test_us096_ac005_a_deleted_object_is_an_internal_error(server, bob, alice, objects):
    job = succeeded_job(bob)
    objects.delete([result_name(objects, job)])
    assert_error(bob.get(f"/jobs/{job}/result"), 500, "result_missing", MISSING)
    assert bob.request("HEAD", f"/jobs/{job}/result").status_code == 500
    assert len(missing_entries(alice, job)) == 2
    assert [line for line in server.logs() if line["level"] == "CRITICAL" and job in line["message"]]


def test_us096_ac005_an_object_that_was_written_again_is_only_sent_with_its_content(bob, objects):
    job = succeeded_job(bob)
    name, content = result_name(objects, job), bob.get(f"/jobs/{job}/result").content
    for other in (b"x" * len(content), content[:-1], content + b"x"):
        objects.write_parts(name, other)
        assert_error(bob.get(f"/jobs/{job}/result"), 500, "result_missing", MISSING)
    # Its ETag is that of an upload in parts now, as after a restore by another program.
    objects.write_parts(name, content)
    assert bob.get(f"/jobs/{job}/result").content == content


def test_a_download_ends_early_if_its_object_changes_meanwhile(proxy, bob, objects, large):
    sha256, name = large["result"]["sha256"], result_name(objects, large["jobId"])
    content = objects.open(name).readall()
    try:
        with (
            pytest.raises(httpx.RemoteProtocolError),
            bob.http.stream("GET", large["resultUrl"]) as answer,
        ):
            for number, _ in enumerate(answer.iter_raw(1 << 20)):
                if number == 0:
                    objects.write_parts(name, b"x" * len(content))
    finally:
        objects.write_parts(name, content)
    assert hashlib.sha256(bob.get(large["resultUrl"]).content).hexdigest() == sha256


def test_a_download_survives_a_store_that_is_away_for_a_moment(proxy, bob, large):
    digest = hashlib.sha256()
    fault = Fault(0, times=3)
    with bob.http.stream("GET", large["resultUrl"]) as answer:
        for number, block in enumerate(answer.iter_raw(1 << 20)):
            digest.update(block)
            if number == 0:
                proxy.fault = fault
    proxy.fault = None
    assert (digest.hexdigest(), fault.times) == (large["result"]["sha256"], 0)


def test_downloads_that_nobody_reads_and_a_slow_store_keep_nobody_waiting(server, proxy, bob, large):
    """More of each than the web server has threads."""
    parts = urlsplit(server.url)
    head = f"GET {large['resultUrl']} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: {{}}\r\n\r\n"
    clients = [server.client(name) for name in ("alice", "bob", "carol")]
    stalled = [socket.create_connection((parts.hostname, parts.port)) for _ in range(40)]
    try:
        for number, connection in enumerate(stalled):
            connection.sendall(head.format(clients[number % 3].http.headers["Authorization"]).encode())
        for connection in stalled:
            assert connection.recv(12) == b"HTTP/1.1 200"
        with proxy.failing(Fault(None, seconds=5, concerns=is_result)) as fault:
            assert httpx.get(f"{server.url}/livez", timeout=5).status_code == 200
            assert bob.get(f"/jobs/{large['jobId']}").status_code == 200
            assert fault.times
    finally:
        for connection in stalled:
            connection.close()


def test_a_purged_result_leaves_no_object(server, bob, objects):
    job = succeeded_job(bob)
    assert "result(s) deleted" in server.manage("purge_results", "--older-than", "0").stdout
    assert bob.get(f"/jobs/{job}/result").status_code == 404
    assert not [meta for found in objects.find(f"{job[:2]}/{job}") for meta in found]


def test_nothing_is_purged_while_the_store_is_out_of_reach(server, proxy, bob):
    job = succeeded_job(bob)
    with proxy.failing(Fault(0)):
        purge = server.manage("purge_results", "--older-than", "0", check=False)
    assert purge.returncode == 1
    assert "The object store doesn't answer." in purge.stderr and "Traceback" not in purge.stderr
    assert bob.get(f"/jobs/{job}/result").status_code == 200
