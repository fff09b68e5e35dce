"""One object store, a proxy in front of it that has faults, and a server that keeps its results there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache

from jobs.models import ResultStore
from jobs.results.stores.client import client
from jobs.results.stores.objects import ObjectStore
from tests.conftest import passwords
from tests.object_store.proxy import StoreProxy, store_proxy
from tests.server import Client, RunningServer, coverage_variables, prepare_server, start, stop
from tests.weed import Weed, credentials, weed_server

URL = "s3://lake/reports"


@pytest.fixture(scope="session")
def weed() -> Iterator[Weed]:
    with weed_server() as running:
        yield running


@pytest.fixture(scope="session")
def proxy(weed: Weed) -> Iterator[StoreProxy]:
    with store_proxy(weed.s3_endpoint) as running:
        yield running


@pytest.fixture(scope="session")
def objects(weed: Weed) -> Iterator[ObjectStore]:
    """The store of the server, as somebody behind its back sees it: not through the proxy."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in credentials(weed.s3_endpoint).items():
            patch.setenv(name, value)
        client.cache_clear()
        yield ObjectStore(URL)
    client.cache_clear()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, prepared: Path, proxy: StoreProxy) -> Iterator[RunningServer]:
    """In place of the shared server: the acceptance tests of results run against this one, too."""
    variables = {
        "REPORTSERVER_ARTIFACTS_URL": URL,
        "REPORTSERVER_LEASE_SECONDS": "8",
        "REPORTSERVER_RECONCILE_SECONDS": "1",
        **credentials(proxy.url),
        **passwords(),
        **coverage_variables(),
    }
    running = prepare_server(tmp_path_factory.mktemp("on-objects"), prepared=prepared, **variables)
    running.manage("prepare", "--adopt-store")
    start(running)
    try:
        yield running
    finally:
        stop(running)


@pytest.fixture
def own_prefix(proxy: StoreProxy, monkeypatch: pytest.MonkeyPatch, settings: Any, db: None) -> Iterator[ObjectStore]:
    """A store of this test process, which is marked, and reached through the proxy."""
    for name, value in credentials(proxy.url).items():
        monkeypatch.setenv(name, value)
    client.cache_clear()
    cache.clear()
    settings.ARTIFACTS_URL = f"s3://lake/{uuid4().hex}"
    ResultStore.objects.create(pk=1, marker="m" * 32)
    own = ObjectStore(settings.ARTIFACTS_URL)
    own.write_marker("m" * 32)
    yield own
    client.cache_clear()
    cache.clear()


# Clients of this server. Those of tests/conftest.py would be of whichever server was asked for first.


@pytest.fixture(scope="session")
def alice(server: RunningServer) -> Client:
    return server.client("alice")


@pytest.fixture(scope="session")
def bob(server: RunningServer) -> Client:
    return server.client("bob")


@pytest.fixture(scope="session")
def carol(server: RunningServer) -> Client:
    return server.client("carol")


@pytest.fixture(scope="session")
def dave(server: RunningServer) -> Client:
    return server.client("dave")


@pytest.fixture(scope="session")
def erin(server: RunningServer) -> Client:
    return server.client("erin")
