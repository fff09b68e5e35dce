"""Limits of signing in, with the real hash, several processes, clocks that differ, and proxies."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import uuid
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.acceptance.conftest import SMALL
from tests.acceptance.helpers import run_concurrently, wait_for_window
from tests.ports import free_port
from tests.postgres import postgres_server
from tests.server import prepare_server, running_server, start, stop

LIMIT = int(SMALL["REPORTSERVER_RATE_SIGN_IN"])
ADDRESS_LIMIT = 6
#: A web server whose host's clock is ahead by a minute and a half.
AHEAD = "import time; real = time.time; time.time = lambda: real() + 90; from gunicorn.app.wsgiapp import run; run()"


def guess(server, name, forwarded="", password="wrong"):
    """The status of a sign-in through the API."""
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    body = {"username": name, "password": password}
    return httpx.post(f"{server.url}/api/v1/auth/token", json=body, headers=headers, timeout=60).status_code


def guess_on_the_page(server, name):
    with httpx.Client(base_url=server.url, timeout=60) as browser:
        browser.get("/login")
        fields = {"username": name, "password": "wrong", "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        return browser.post("/login", data=fields).status_code


@pytest.fixture(scope="module")
def proxied(tmp_path_factory, prepared):
    """A server behind proxies at 127.0.0.1 and in 10.0.0.0/8."""
    settings = SMALL | {
        "REPORTSERVER_TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8",
        "REPORTSERVER_RATE_SIGN_IN_ADDRESS": str(ADDRESS_LIMIT),
    }
    folder = tmp_path_factory.mktemp("proxied")
    with running_server(folder, prepared=prepared, workers=False, **settings) as running:
        yield running


WRITTEN = ("erin", "\uff45rin", "er\uff49\uff4e", "ERIN", " erin ", "\u2003erin", "\uff25rin", "e\uff32in")


def test_every_way_to_write_a_name_counts_for_the_same_user(limited):
    wait_for_window(40)
    statuses = [(guess_on_the_page if at % 2 else guess)(limited, name) for at, name in enumerate(WRITTEN)]
    # The page answers a refused sign-in with 200.
    assert statuses == [401, 200, 401, *[429] * (len(WRITTEN) - LIMIT)]


def test_a_name_in_other_characters_signs_in_on_the_page_and_the_api_alike(limited):
    assert guess(limited, "\uff48ank", password="hank-password-1") == 200
    assert guess(limited, "HANK", password="hank-password-1") == 401, "case counts, as Django has it"


def test_failures_count_for_an_address_whatever_the_names(proxied):
    wait_for_window(30)
    attacker = "198.51.100.7"
    statuses = [guess(proxied, f"nobody-{uuid.uuid4()}", attacker) for _ in range(ADDRESS_LIMIT + 2)]
    assert statuses == [401] * ADDRESS_LIMIT + [429] * 2
    assert guess(proxied, "carol", attacker, "carol-password-1") == 429
    assert guess(proxied, "carol", "198.51.100.8", "carol-password-1") == 200


def test_an_ipv6_network_counts_as_one_address(proxied):
    wait_for_window(30)
    statuses = [guess(proxied, f"nobody-{at}", f"2001:db8:5:6::{at:x}") for at in range(ADDRESS_LIMIT + 1)]
    assert statuses == [401] * ADDRESS_LIMIT + [429]


def test_what_a_client_adds_to_the_header_does_not_count(proxied, limited):
    wait_for_window(40)
    name = f"nobody-{uuid.uuid4()}"
    statuses = [guess(proxied, name, f"192.0.2.{at}, 203.0.113.5, 10.7.7.7") for at in range(LIMIT + 1)]
    assert statuses == [401] * LIMIT + [429]
    statuses = [guess(limited, name, f"192.0.2.{at}") for at in range(LIMIT + 1)]
    assert statuses == [401] * LIMIT + [429], "without trusted proxies"
    assert {line["address"] for line in proxied.logs() if line.get("status") == 429} >= {"203.0.113.5"}
    assert {line["address"] for line in limited.logs() if line.get("logger") == "reportserver.calls"} == {"127.0.0.1"}


@contextmanager
def second_server(first):
    """Another web server on the same data, whose clock is wrong."""
    port = free_port()
    server = replace(first, url=f"http://127.0.0.1:{port}", env=first.env | {"PORT": str(port)}, clients={})
    with (server.folder / "logs" / "second.log").open("ab") as log:
        command = [sys.executable, "-c", AHEAD, "--config", "python:reportserver.web.gunicorn_config"]
        server.process = subprocess.Popen(command, cwd=server.cwd, env=server.env, stdout=log, stderr=log)
    for _ in range(600):
        try:
            if httpx.get(f"{server.url}/livez", timeout=5).status_code == 200:
                break
        except httpx.TransportError:
            time.sleep(0.1)
    yield server
    stop(server)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def two_servers(request, tmp_path_factory, prepared):
    folder = tmp_path_factory.mktemp("two")
    with postgres_server() if request.param == "postgresql" else nullcontext() as url:
        if url:
            settings = SMALL | {"REPORTSERVER_DATABASE_URL": url}
            prepared_there = request.getfixturevalue("prepared_on_postgresql")
            first = prepare_server(folder, prepared=prepared_there, **settings)
        else:
            first = prepare_server(folder, prepared=prepared, **SMALL)
        start(first, workers=False)
        with second_server(first) as second:
            yield first, second
        stop(first)


def test_hosts_with_different_clocks_do_not_reset_each_others_counters(two_servers):
    wait_for_window(40)
    name = f"nobody-{uuid.uuid4()}"
    statuses = [guess(two_servers[at % 2], name) for at in range(3 * LIMIT)]
    assert statuses == [401] * LIMIT + [429] * 2 * LIMIT


def test_concurrent_guesses_through_several_processes_cannot_exceed_the_limit(two_servers):
    wait_for_window(40)
    name = f"nobody-{uuid.uuid4()}"
    statuses = run_concurrently(*[lambda at=at: guess(two_servers[at % 2], name) for at in range(24)])
    assert sorted(statuses) == [401] * LIMIT + [429] * (24 - LIMIT)


def memory(process):
    """The resident memory of a server's processes, in MB."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in (process.pid, *children))
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def test_a_flood_of_fresh_names_costs_neither_memory_nor_others_time(tmp_path, prepared):
    settings = {"REPORTSERVER_RATE_SIGN_IN_ADDRESS": "1000000"}
    with running_server(tmp_path, prepared=prepared, workers=False, **settings) as server:
        alice = server.client("alice")
        before, deadline = memory(server.process), time.monotonic() + 8
        statuses, waits, used = [], [], []

        def attack():
            while time.monotonic() < deadline:
                statuses.append(guess(server, f"nobody-{uuid.uuid4()}"))

        threads = [threading.Thread(target=attack) for _ in range(40)]
        for thread in threads:
            thread.start()
        while time.monotonic() < deadline:
            started = time.monotonic()
            assert alice.get("/jobs").status_code == 200
            waits.append(time.monotonic() - started)
            used.append(memory(server.process) - before)
        for thread in threads:
            thread.join()
        assert set(statuses) == {401, 429}
        assert max(used) < 450, "two hashes of 100 MB, and the threads' own memory"
        assert max(waits) < 5, sorted(waits)[-5:]
        assert guess(server, "bob", password="bob-password-1") == 200
