"""The client over one real server, shared with other tests, and over a network that breaks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from reportserver_client import Client

from tests.client.proxy import BreakingProxy
from tests.server import ROOT, RunningServer

MakeKey = Callable[..., str]
Rs = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def make_key(server: RunningServer) -> MakeKey:
    """Return a function that creates a key of a user and returns its text."""

    def make(username: str = "bob", **fields: Any) -> str:
        expires = (datetime.now(UTC) + timedelta(days=30)).isoformat()
        answer = server.client(username).post("/keys", json={"name": "tests", "expires": expires, **fields})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["key"])

    return make


@pytest.fixture(scope="session")
def key(make_key: MakeKey) -> str:
    """A key of bob's, who generates and views."""
    return make_key()


@pytest.fixture
def client(server: RunningServer, key: str) -> Iterator[Client]:
    with Client(server.url, key) as client:
        yield client


@pytest.fixture
def proxy(server: RunningServer) -> Iterator[BreakingProxy]:
    with BreakingProxy(server.url) as proxy:
        yield proxy


def rs_environment(url: str, key: str, **extra: str) -> dict[str, str]:
    """The environment of `rs`, without settings of whoever runs the tests."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("RS_")}
    return {**env, "RS_URL": url, "RS_KEY": key, "RS_CONFIG": "/nowhere/client.ini", "PYTHONPATH": CLIENT, **extra}


CLIENT = str(ROOT / "client")
RS = (sys.executable, "-m", "reportserver_client")


@pytest.fixture
def rs(server: RunningServer, key: str, tmp_path: Any) -> Rs:
    """Return a function that runs `rs` in an empty folder."""

    def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*RS, *arguments],
            cwd=tmp_path,
            env=rs_environment(server.url, key, **env),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
        )

    return run
