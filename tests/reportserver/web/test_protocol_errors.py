"""Requests that never reach Django get the contract's error body and a line in the log."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.server import RunningServer, prepare_server, start, stop

HEAD = b"GET /api/v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\n"
CHUNKED = (
    b"POST /api/v1/auth/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nTransfer-Encoding: "
)


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Iterator[RunningServer]:
    server = prepare_server(tmp_path_factory.mktemp("web"), prepared=prepared)
    start(server, workers=False)
    yield server
    stop(server)


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (b"GET /api/v1/jobs?q=" + b"x" * 5_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 414, "uri_too_long"),
        (HEAD + b"X-Long: " + b"x" * 9_000 + b"\r\n\r\n", 431, "headers_too_large"),
        (HEAD + b"X: 1\r\n" * 200 + b"\r\n", 431, "headers_too_large"),
        (HEAD + b"Host: example.com\r\n\r\n", 400, "bad_request"),
        (HEAD + b"Bad Name: 1\r\n\r\n", 400, "bad_request"),
        (HEAD + b"Folded: 1\r\n 2\r\n\r\n", 400, "bad_request"),
        (HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, "bad_request"),
        (HEAD + b"Content-Length: many\r\n\r\n", 400, "bad_request"),
        (HEAD + b"Expect: wonders\r\n\r\n", 417, "expectation_failed"),
        (b"GET /api/v1/jobs\r\n\r\n", 400, "bad_request"),
        (b"GET /api/v1/jobs HTTP/7.3\r\n\r\n", 400, "bad_request"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "bad_request"),
        (CHUNKED + b"chunked\r\n\r\nwrong\r\n{}\r\n0\r\n\r\n", 400, "bad_request"),
        (CHUNKED + b"chunked\r\n\r\n2\r\n{}wrong\r\n0\r\n\r\n", 400, "bad_request"),
        (CHUNKED + b"rot13, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 501, "unsupported_transfer_coding"),
    ],
    ids=lambda value: value[:40] if isinstance(value, bytes) else value,
)
def test_an_unreadable_request_gets_the_error_body_and_a_line_in_the_log(
    web: RunningServer, request_: bytes, status: int, code: str
) -> None:
    address = urlsplit(web.url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as client:
        client.sendall(request_)
        answer = b"".join(iter(lambda: client.recv(65_536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    status_line, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    assert status_line.split()[1] == str(status), answer
    assert headers["content-type"] == "application/json"
    assert json.loads(body)["code"] == code
    assert json.loads(body)["error"].endswith(".")
    log = (web.folder / "logs" / "web.log").read_text().splitlines()
    assert all(line.startswith("{") for line in log), "a line is not JSON"
    [call] = [entry for entry in web.logs() if entry.get("request_id") == headers["x-request-id"]]
    assert call["status"] == status
