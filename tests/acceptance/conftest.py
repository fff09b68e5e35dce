"""Servers beside the one that all tests share: one that works on nothing, one with small limits, one that is hurt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import passwords
from tests.server import Client, Running, running_server

SMALL = {
    "REPORTSERVER_MAX_UNFINISHED_PER_USER": "2",
    "REPORTSERVER_MAX_UNFINISHED_PER_TENANT": "3",
    "REPORTSERVER_RATE_API": "30",
    "REPORTSERVER_RATE_GENERATE": "12",
    "REPORTSERVER_RATE_SIGN_IN": "3",
}


@pytest.fixture(scope="session")
def idle(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Iterator[Running]:
    """A server without workers: a job stays Queued."""
    with running_server(tmp_path_factory.mktemp("idle"), prepared=prepared, workers=False) as running:
        yield running


@pytest.fixture(scope="session")
def idle_bob(idle: Running) -> Client:
    return idle.client("bob")


@pytest.fixture(scope="session")
def limited(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Iterator[Running]:
    """A server without workers whose limits are soon reached."""
    with running_server(tmp_path_factory.mktemp("limited"), prepared=prepared, workers=False, **SMALL) as running:
        yield running


@pytest.fixture
def fresh(server: Running) -> Callable[[str], Client]:
    """A person with a sign-in of the test's own."""
    return server.client


@pytest.fixture(scope="session")
def people(alice: Client, bob: Client, carol: Client, dave: Client, erin: Client, gina: Client) -> dict[str, Client]:
    return {"alice": alice, "bob": bob, "carol": carol, "dave": dave, "erin": erin, "gina": gina}


__all__ = ["passwords"]
