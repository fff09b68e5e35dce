"""The folder of results is told from any other by its marker."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.server import RunningServer, prepare_server, start, stop

SENTENCE = "The store of results is not the one that this installation uses, or its share is not mounted."


@pytest.fixture
def server(tmp_path: Path, prepared: Path) -> RunningServer:
    return prepare_server(tmp_path, prepared=prepared)


def test_a_folder_without_the_marker_is_refused_until_it_is_adopted(server: RunningServer) -> None:
    marker = server.folder / "artifacts" / "store-id"
    text = marker.read_text()
    marker.unlink()
    refused = server.manage("prepare", check=False)
    assert refused.returncode == 1 and SENTENCE in refused.stderr and "--adopt-store" in refused.stderr
    assert SENTENCE in server.manage("doctor", check=False).stdout
    assert not marker.exists()
    start(server, workers=False)
    try:
        assert server.probe().json()["storage"] == "failing"
        server.manage("prepare", "--adopt-store")
        assert server.probe().json()["storage"] == "ok"
    finally:
        stop(server)
    assert marker.read_text() == text
    assert SENTENCE not in server.manage("doctor", check=False).stdout


def test_the_folder_of_another_installation_is_refused(server: RunningServer) -> None:
    (server.folder / "artifacts" / "store-id").write_text("another\n")
    assert SENTENCE in server.manage("prepare", check=False).stderr


def test_an_installation_of_an_earlier_version_gets_a_marker(server: RunningServer) -> None:
    marker = server.folder / "artifacts" / "store-id"
    marker.unlink()
    with closing(sqlite3.connect(server.database())) as database, database:
        database.execute("delete from jobs_resultstore")
    server.manage("prepare")
    with closing(sqlite3.connect(server.database())) as database:
        assert database.execute("select marker from jobs_resultstore").fetchall() == [(marker.read_text().strip(),)]
