"""The file of the rate limits' counters needs no preparation, and whatever happens to it, calls are answered."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from tests.conftest import passwords
from tests.server import RunningServer, prepare_server, start, stop


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Iterator[RunningServer]:
    """A web server that was prepared before its counters were lost."""
    server = prepare_server(tmp_path_factory.mktemp("web"), prepared=prepared, **passwords())
    counters(server).unlink(missing_ok=True)
    start(server, workers=False)
    yield server
    stop(server)


def counters(server: RunningServer) -> Path:
    return server.folder / "counters.sqlite3"


def test_a_missing_file_needs_no_preparation(web: RunningServer) -> None:
    assert limited(web) == 200
    assert web.probe("/readyz").json()["database"] == "ok"
    assert "its schema is up to date." in web.manage("doctor", check=False).stdout


@pytest.mark.parametrize("harm", ["deleted", "overwritten", "emptied", "replaced by another file"])
def test_a_file_that_is_harmed_while_the_server_runs_is_made_anew(web: RunningServer, harm: str) -> None:
    assert limited(web) == 200
    file = counters(web)
    if harm == "deleted":
        file.unlink()
    elif harm == "emptied":
        file.write_bytes(b"")
    elif harm == "overwritten":
        Path(f"{file}-wal").unlink(missing_ok=True)
        file.write_bytes(b"nonsense" * 10_000)
    else:
        other = file.with_name("other")
        other.write_bytes(b"not a database, whatever its name says" * 1000)
        other.rename(file)
    # As many calls as there are threads that have the old file open.
    assert {limited(web) for _ in range(40)} == {200}
    assert web.probe("/readyz").json()["database"] == "ok"
    remaining = [int(call(web).headers["RateLimit"].split("r=")[1].split(";")[0]) for _ in range(40)]
    falls = [after - before for before, after in pairwise(remaining)]
    assert falls.count(-1) >= len(falls) - 1, "all threads count in the same file, but for a new minute"


def test_readyz_says_so_if_no_call_can_be_counted(web: RunningServer) -> None:
    file = counters(web)
    assert limited(web) == 200
    for suffix in ("", "-wal", "-shm"):
        Path(f"{file}{suffix}").unlink(missing_ok=True)
    file.mkdir()
    try:
        answer = web.probe("/readyz")
        assert (answer.status_code, answer.json()["database"]) == (503, "failing")
    finally:
        file.rmdir()
    assert web.probe("/readyz").json()["database"] == "ok"
    assert limited(web) == 200


def limited(web: RunningServer) -> int:
    return call(web).status_code


def call(web: RunningServer) -> httpx.Response:
    return web.client("bob").get("/reports")
