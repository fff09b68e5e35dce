"""The server behind nginx and Caddy, as deploy/ configures them."""

from __future__ import annotations

import json
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPResponse
from pathlib import Path

import httpx
import pytest

from tests.acceptance.helpers import run_concurrently, succeeded_job
from tests.deploy.proxies import PROXIES, STALLED_SECONDS, Proxy, installed, proxy
from tests.server import Client, RunningServer, running_server

#: Where the client is, which is no proxy, and where it says that it is.
CLIENT, CLAIMED = "127.0.0.2", "203.0.113.9"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Iterator[RunningServer]:
    """A server that trusts the proxies of this machine, and that people reach over https."""
    with running_server(
        tmp_path_factory.mktemp("proxied"),
        prepared=prepared,
        REPORTSERVER_TRUSTED_PROXIES="127.0.0.1",
        REPORTSERVER_PUBLIC_URL="https://localhost",
    ) as running:
        yield running


@pytest.fixture(scope="module", params=PROXIES)
def front(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, server: RunningServer
) -> Iterator[Proxy]:
    if not installed(request.param):
        pytest.skip(f"{request.param} is not installed")
    upstream = int(server.url.rsplit(":", 1)[1])
    with proxy(request.param, tmp_path_factory.mktemp(request.param), upstream) as running:
        yield running


@pytest.fixture
def http(front: Proxy) -> Iterator[httpx.Client]:
    """Somebody who isn't signed in, behind the proxy."""
    transport = httpx.HTTPTransport(verify=ssl.create_default_context(cafile=front.authority), local_address=CLIENT)
    with httpx.Client(base_url=front.url, transport=transport, timeout=60) as client:
        yield client


def connected(front: Proxy) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", front.port), timeout=60)
    return ssl.create_default_context(cafile=front.authority).wrap_socket(plain, server_hostname="localhost")


def authorized(client: Client) -> dict[str, str]:
    return {"Authorization": client.http.headers["Authorization"]}


def test_people_sign_in(front: Proxy, http: httpx.Client) -> None:
    page = http.get("/login")
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert token and "max-age=" in page.headers["Strict-Transport-Security"]
    form = {"username": "bob", "password": "bob-password-1", "csrfmiddlewaretoken": token[1]}
    answer = http.post("/login", data=form, headers={"Referer": f"{front.url}/login"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/"), answer.text
    assert all("Secure" in cookie for cookie in answer.headers.get_list("Set-Cookie"))
    assert http.get("/").status_code == 200


def test_the_address_of_the_client_counts_whatever_it_claims(server: RunningServer, http: httpx.Client) -> None:
    headers = {"X-Forwarded-For": CLAIMED, "X-Forwarded-Proto": "http", "X-Request-ID": "proxied-request"}
    answer = http.get("/api/v1/reports", headers=headers)
    assert (answer.status_code, answer.headers["X-Request-ID"]) == (401, "proxied-request")
    lines = [line for line in server.logs() if line.get("request_id") == "proxied-request"]
    assert {line["address"] for line in lines} == {CLIENT}


def test_a_file_is_uploaded(server: RunningServer, front: Proxy, http: httpx.Client) -> None:
    alice = server.client("alice")
    source = f"/sources/{front.name}"
    assert alice.post("/sources", json={"slug": front.name, "kind": "files", "uploads": True}).status_code == 201
    content = b"name,value\n" + b"some text that repeats,12345.67\n" * 100_000
    made = http.post(f"/api/v1{source}/files", files={"file": ("large.csv", content)}, headers=authorized(alice))
    assert made.status_code == 201 and made.json()["files"][0]["rows"] == 100_000, made.text
    assert alice.request("DELETE", source).status_code == 204


def test_a_body_that_is_announced_to_be_too_long_is_refused(front: Proxy) -> None:
    if front.name == "caddy":
        pytest.skip("Caddy counts what has arrived, and doesn't look at what is announced")
    with connected(front) as connection:
        connection.sendall(
            b"POST /api/v1/auth/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 200000000\r\n\r\n{"
        )
        refused = HTTPResponse(connection)
        refused.begin()
        assert (refused.status, json.load(refused)["code"]) == (413, "request_too_large")


def test_a_result_is_downloaded_in_parts(server: RunningServer, http: httpx.Client) -> None:
    bob = server.client("bob")
    job = succeeded_job(bob, "many-rows", parameters={"copies": 1, "rows": 100_000}, format="csv")
    path = f"/api/v1/jobs/{job}/result"
    headers = authorized(bob)
    whole = http.get(path, headers=headers)
    part = http.get(path, headers={**headers, "Range": "bytes=1000-1999", "If-Range": whole.headers["ETag"]})
    assert (part.status_code, part.content) == (206, whole.content[1000:2000])
    assert part.headers["Content-Range"] == f"bytes 1000-1999/{len(whole.content)}"
    assert int(whole.headers["Content-Length"]) == len(whole.content) > 1_000_000
    assert (
        whole.headers["Cache-Control"] == "private, no-store" and whole.headers["X-Content-Type-Options"] == "nosniff"
    )
    assert http.get(path, headers={**headers, "If-None-Match": whole.headers["ETag"]}).status_code == 304
    assert http.head(path, headers=headers).headers["Content-Length"] == whole.headers["Content-Length"]


def test_a_status_call_waits_for_a_change(server: RunningServer, http: httpx.Client) -> None:
    bob = server.client("bob")
    job = bob.generate("slow")
    bob.wait(job, "Running")
    # A worker notices a cancellation within two seconds.
    answer, _ = run_concurrently(
        lambda: http.get(f"/api/v1/jobs/{job}", headers={**authorized(bob), "Prefer": "wait=25"}),
        lambda: bob.post(f"/jobs/{job}/cancel"),
    )
    assert (answer.json()["status"], answer.headers["Preference-Applied"]) == ("Failed", "wait")


def test_stalled_clients_keep_nobody_waiting(front: Proxy, http: httpx.Client) -> None:
    stalled = [connected(front) for _ in range(100)]
    for connection in stalled:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Half: ")
    assert http.get("/livez").status_code == 200
    for connection in stalled:
        connection.settimeout(10 * STALLED_SECONDS)
        # The proxy ends the connection, with an answer or without.
        with connection, suppress(ConnectionResetError, ssl.SSLEOFError):
            while connection.recv(4096):
                pass


def test_a_server_that_is_down_is_said_to_be(tmp_path: Path, front: Proxy) -> None:
    nobody = socket.socket()
    nobody.bind(("127.0.0.1", 0))
    with nobody, proxy(front.name, tmp_path, nobody.getsockname()[1]) as alone:
        context = ssl.create_default_context(cafile=alone.authority)
        answer = httpx.get(f"{alone.url}/api/v1/reports", verify=context, timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["Retry-After"] == "5" and answer.headers["Content-Type"] == "application/json"
