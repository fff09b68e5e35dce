"""Request bodies are read alike with a Content-Length and in chunks, and are limited in size either way."""

from __future__ import annotations

import json
import socket
from urllib.parse import urlsplit

import pytest

from tests.acceptance.helpers import GENERATE, assert_error, temporary_report

JSON = {"Content-Type": "application/json"}
CLOSE = JSON | {"Connection": "close"}
HUGE = b'{"parameters": {"region": "' + b"x" * 2_000_000 + b'"}}'
CALLS = [("POST", GENERATE), ("POST", "/auth/token"), ("PATCH", "/reports/sales-by-region"), ("POST", "/reports")]


def chunks(body, size=7):
    """httpx sends an iterator with chunked transfer encoding."""
    return (body[at : at + size] for at in range(0, len(body), size))


def test_us094_a_request_in_chunks_is_queued(idle_bob):
    body = json.dumps({"parameters": {"region": "north"}, "format": "json"}).encode()
    answer = idle_bob.post(GENERATE, content=chunks(body), headers=JSON)
    assert answer.request.headers["Transfer-Encoding"] == "chunked"
    assert answer.status_code == 202
    status = idle_bob.get(f"/jobs/{answer.json()['jobId']}").json()
    assert (status["parameters"]["region"], status["format"]) == ("north", "json")


@pytest.mark.parametrize(
    ("body", "code"),
    [(b'{"format": "nope"}', "invalid_parameters"), (b"[]", "invalid_parameters"), (b'{"format":', "malformed_json")],
)
def test_us094_an_invalid_body_in_chunks_is_refused(idle_bob, body, code):
    assert_error(idle_bob.post(GENERATE, content=chunks(body), headers=JSON), 400, code)


def test_an_empty_body_in_chunks_is_accepted(idle_bob):
    assert idle_bob.post(GENERATE, content=chunks(b""), headers=JSON).status_code == 202


def test_every_call_reads_chunks(idle):
    alice = idle.client("alice")
    wrong = json.dumps({"username": "nobody-at-all", "password": "wrong"}).encode()
    assert_error(alice.post("/auth/token", content=chunks(wrong), headers=JSON), 401, "not_authenticated")
    with temporary_report(alice) as slug:
        patch = json.dumps({"name": "Named in chunks"}).encode()
        answer = alice.request("PATCH", f"/reports/{slug}", content=chunks(patch), headers=JSON)
        assert answer.json()["name"] == "Named in chunks"


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_every_call_refuses_a_huge_body(idle, method, path):
    alice = idle.client("alice")
    for content in (HUGE, chunks(HUGE, 60_000)):
        assert_error(alice.request(method, path, content=content, headers=CLOSE), 413, "request_too_large")


def raw(idle, client, chunked):
    """Send these chunks on a connection. Return what the server answers until it closes the connection."""
    head = f"POST /api/v1{GENERATE} HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
    head += client.http.headers["Authorization"]
    head += "\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    address = urlsplit(idle.url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.sendall(head.encode() + chunked)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


@pytest.mark.parametrize("chunked", [b"2\r\n{}\r\n", b"5\r\n{}"])
def test_us094_an_incomplete_body_is_refused(idle, idle_bob, chunked):
    answer = raw(idle, idle_bob, chunked)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"code": "unreadable_body"' in answer


def test_us094_a_malformed_chunk_is_refused_and_ends_the_connection(idle, idle_bob):
    answer = raw(idle, idle_bob, b"zz\r\n{}\r\n0\r\n\r\nGET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("number", ["1" * 5_000, "-" + "1" * 5_000])
def test_us094_a_number_that_is_too_long_is_refused_with_a_clear_sentence(idle_bob, number):
    body = f'{{"parameters": {{"region": {number}}}}}'
    error = assert_error(idle_bob.post(GENERATE, content=body, headers=JSON), 400, "malformed_json")["error"]
    assert "number is too long" in error and "sys" not in error


def test_a_file_in_chunks_is_stored(idle):
    alice = idle.client("alice")
    assert alice.post("/sources", json={"slug": "in-chunks", "kind": "files", "uploads": True}).status_code == 201
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="t.csv"\r\n\r\n'
    body = head + b"n\n" + b"1234567\n" * 250_000 + b"\r\n--x--\r\n"
    headers = CLOSE | {"Content-Type": "multipart/form-data; boundary=x"}
    try:
        answer = alice.post("/sources/in-chunks/files", content=chunks(body, 60_000), headers=headers)
        assert (answer.status_code, answer.json()["files"][0]["rows"]) == (201, 250_000), answer.text
    finally:
        assert alice.request("DELETE", "/sources/in-chunks").status_code == 204
