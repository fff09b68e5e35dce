"""Servers next to the shared one: without workers, with low limits, and one that tests may damage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server import Client, RunningServer, coverage_variables, running_server

SMALL = {
    "REPORTSERVER_MAX_UNFINISHED_PER_USER": "2",
    "REPORTSERVER_MAX_UNFINISHED_PER_TENANT": "3",
    "REPORTSERVER_RATE_API": "30",
    "REPORTSERVER_RATE_GENERATE": "12",
    "REPORTSERVER_RATE_SIGN_IN": "3",
}


@pytest.fixture(scope="session")
def idle(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Iterator[RunningServer]:
    """A server without workers: a job stays Queued."""
    with running_server(
        tmp_path_factory.mktemp("idle"), prepared=prepared, workers=False, REPORTSERVER_SYNCHRONOUS_WAIT_SECONDS="1"
    ) as running:
        yield running


@pytest.fixture(scope="session")
def idle_bob(idle: RunningServer) -> Client:
    return idle.client("bob")


@pytest.fixture(scope="session")
def limited(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Iterator[RunningServer]:
    """A server without workers and with low limits."""
    with running_server(tmp_path_factory.mktemp("limited"), prepared=prepared, workers=False, **SMALL) as running:
        yield running


@pytest.fixture(scope="session")
def disposable(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Iterator[RunningServer]:
    """A server whose processes are killed and whose results are purged. It detects lost workers quickly."""
    quick = {"REPORTSERVER_LEASE_SECONDS": "8", "REPORTSERVER_RECONCILE_SECONDS": "1"}
    folder = tmp_path_factory.mktemp("disposable")
    with running_server(folder, prepared=prepared, **quick, **coverage_variables()) as running:
        yield running
