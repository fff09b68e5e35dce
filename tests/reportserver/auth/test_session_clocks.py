"""Sessions of pages on hosts whose clocks are a day apart. The database is PostgreSQL, whose clock is the right one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.ports import free_port
from tests.postgres import postgres_server
from tests.server import RunningServer, prepare_server, start, stop
from tests.shared_library import compile_library

DAY = 86_400
_SOURCE = Path(__file__).parents[2] / "faults" / "wrong_clock.c"


@pytest.fixture(scope="module")
def hosts(prepared_on_postgresql: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, RunningServer]]:
    """Web servers on one database, by the clock of their host."""
    folder = tmp_path_factory.mktemp("session-clocks")
    library = compile_library(_SOURCE, tmp_path_factory.mktemp("library"))
    with postgres_server() as url, ExitStack() as running:
        right = prepare_server(folder, prepared=prepared_on_postgresql, REPORTSERVER_DATABASE_URL=url)
        hosts = {"right": right}
        for name, ahead in (("ahead", DAY), ("behind", -DAY)):
            port = free_port()
            env = {**right.env, "PORT": str(port), "LD_PRELOAD": str(library), "WRONG_CLOCK": str(ahead)}
            hosts[name] = replace(right, url=f"http://127.0.0.1:{port}", env=env, clients={})
        for host in hosts.values():
            start(host, workers=False)
            running.callback(stop, host)
        yield hosts


def sign_in(host: RunningServer) -> dict[str, str]:
    """Sign in on a page. Returns the session's cookie."""
    with httpx.Client(base_url=host.url) as client:
        page = client.get("/login").text
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token
        fields = {"csrfmiddlewaretoken": token[1], "username": "bob", "password": "bob-password-1"}
        assert client.post("/login", data=fields).status_code == 302
        # Not by httpx, which compares the cookie's end with this machine's clock.
        return {"sessionid": client.cookies["sessionid"]}


@pytest.mark.parametrize("there", ["right", "ahead", "behind"])
@pytest.mark.parametrize("here", ["right", "ahead", "behind"])
def test_a_session_of_any_host_holds_on_every_other(hosts: dict[str, RunningServer], here: str, there: str) -> None:
    session = sign_in(hosts[here])
    assert httpx.get(f"{hosts[there].url}/", cookies=session).status_code == 200
    # Asked again: the first answer may have stored the session with another end.
    assert httpx.get(f"{hosts['right'].url}/", cookies=session).status_code == 200
