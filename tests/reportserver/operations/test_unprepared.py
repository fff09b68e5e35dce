"""A server on a database that isn't prepared, or that was restored."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.server import ROOT, RunningServer, environment, prepare_server, start, stop

REFUSAL = "Run manage.py prepare."


@pytest.fixture
def bare(tmp_path: Path) -> RunningServer:
    """A server that was never prepared."""
    port = free_port()
    return RunningServer(f"http://127.0.0.1:{port}", tmp_path, environment(tmp_path, port), process=None)  # type: ignore[arg-type]


@pytest.fixture
def older(tmp_path: Path, prepared: Path) -> RunningServer:
    """A server whose database has an older schema."""
    server = prepare_server(tmp_path, prepared=prepared)
    server.manage("migrate", "jobs", "0014")
    return server


@pytest.mark.parametrize("state", ["bare", "older"])
@pytest.mark.parametrize("command", ["serve", "jobserver"])
def test_a_server_refuses_to_start(state: str, command: str, request: pytest.FixtureRequest) -> None:
    server: RunningServer = request.getfixturevalue(state)
    refused = server.manage(command, check=False)
    assert refused.returncode == 1
    assert "Migrations that have not been applied: " in refused.stderr
    assert refused.stderr.strip().endswith(REFUSAL)
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("state", ["bare", "older"])
def test_a_web_server_by_itself_is_not_ready(state: str, request: pytest.FixtureRequest) -> None:
    server: RunningServer = request.getfixturevalue(state)
    start(server, workers=False)
    try:
        answer = server.probe()
        assert (answer.status_code, answer.json()["database"]) == (503, "failing")
        server.manage("prepare")
        assert server.probe().json()["database"] == "ok"
    finally:
        stop(server)


def test_a_restored_database_gets_no_invented_passwords(tmp_path: Path, prepared: Path) -> None:
    """A backup is the database, the results and the keys; the demo's passwords stay where it was installed."""
    original = prepare_server(tmp_path / "original", REPORTSERVER_DEMO="1")
    folder = tmp_path / "restored"
    folder.mkdir()
    for name in ("keys", "artifacts"):
        shutil.copytree(original.folder / name, folder / name)
    shutil.copy(original.database(), folder)
    restored = RunningServer("", folder, {**original.env, "REPORTSERVER_DATA_DIR": str(folder)}, process=None)  # type: ignore[arg-type]
    restored.manage("prepare")
    assert serve_and_read(restored).count("Sign in with the users of the database.") == 1
    assert not (folder / "demo-passwords.json").exists()
    # Passwords of another installation are not printed either.
    (folder / "demo-passwords.json").write_text(json.dumps(dict.fromkeys(("admin", "analyst"), "of another")))
    assert "of another" not in serve_and_read(restored)
    password = json.loads((original.folder / "demo-passwords.json").read_text())["admin"]
    assert password in serve_and_read(original)


def serve_and_read(server: RunningServer) -> str:
    """Run the server until it has printed its address. Return what it printed."""
    command = [sys.executable, "manage.py", "serve"]
    with subprocess.Popen(command, cwd=ROOT, env=server.env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            lines = [process.stdout.readline()]
            while not lines[-1].strip().endswith(("Ctrl-C", "sets a new one.")):
                assert lines[-1], "the server ended by itself"
                lines.append(process.stdout.readline())
            return "".join(lines)
        finally:
            process.terminate()
