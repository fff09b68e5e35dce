"""Pages of other origins that call the API from a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.server import RunningServer, prepare_server, start, stop

ORIGIN = "https://app.example.com"
PREFLIGHT = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
}
GENERATE = "/api/v1/reports/sales-by-region/generate"


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Iterator[RunningServer]:
    """A web server that app.example.com may call."""
    origins = f"{ORIGIN}, http://localhost:3000"
    server = prepare_server(tmp_path_factory.mktemp("cors"), prepared=prepared, REPORTSERVER_CORS_ORIGINS=origins)
    start(server, workers=False)
    yield server
    stop(server)


def test_a_preflight_of_a_known_origin_needs_no_token(open_server: RunningServer) -> None:
    answer = httpx.options(f"{open_server.url}{GENERATE}", headers=PREFLIGHT)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "idempotency-key" in answer.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_an_answer_can_be_read_by_a_known_origin(open_server: RunningServer) -> None:
    answer = httpx.get(f"{open_server.url}/api/v1/jobs", headers={"Origin": ORIGIN})
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]
    assert "origin" in answer.headers["Vary"].lower()


@pytest.mark.parametrize("origin", ["https://evil.example", "https://app.example.com.evil.example", "null"])
def test_other_origins_get_no_header(open_server: RunningServer, origin: str) -> None:
    for answer in (
        httpx.options(f"{open_server.url}{GENERATE}", headers={**PREFLIGHT, "Origin": origin}),
        httpx.get(f"{open_server.url}/api/v1/jobs", headers={"Origin": origin}),
        httpx.get(f"{open_server.url}/login", headers={"Origin": ORIGIN}),
    ):
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_by_default_no_other_origin_may_call(server: RunningServer) -> None:
    answer = httpx.options(f"{server.url}{GENERATE}", headers=PREFLIGHT)
    assert "Access-Control-Allow-Origin" not in answer.headers
