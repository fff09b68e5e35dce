"""The command `rs`, as people and scripts run it."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from reportserver_client.cli import main

from tests.client.conftest import RS, MakeKey, Rs, rs_environment
from tests.server import UNKNOWN_ID, Client, RunningServer


def test_a_report_is_run_and_its_file_saved(rs: Rs, tmp_path: Path) -> None:
    done = rs("run", "sales-by-region", "-p", "region=north", "-p", "since=now-9y/y", "-f", "xlsx", "-o", "sales.xlsx")
    assert (done.returncode, done.stdout, done.stderr) == (0, "sales.xlsx\n", "")
    assert (tmp_path / "sales.xlsx").read_bytes().startswith(b"PK")
    several = rs("run", "sales-by-region", "-f", "csv", "-f", "pdf", "--json", "-o", ".")
    answer = json.loads(several.stdout)
    assert answer["job"]["status"] == "Succeeded" and [Path(file).suffix for file in answer["files"]] == [
        ".csv",
        ".pdf",
    ]
    assert all((tmp_path / file).stat().st_size for file in answer["files"])
    assert rs("run", "at-once", "-o", "-").stdout.split() == ["one", "1"]
    typed = rs("run", "many-rows", "-p", "rows=3", "-f", "csv", "-o", "-")
    assert len(typed.stdout.splitlines()) == 4, typed.stderr


def test_a_job_is_started_found_and_fetched_later(rs: Rs, tmp_path: Path) -> None:
    job = rs("run", "sales-by-region", "-f", "csv", "--no-wait").stdout.strip()
    fetched = rs("get", job, "-f", "html", "-f", "csv")  # html is made of its rows
    assert fetched.returncode == 0, fetched.stderr
    assert sorted(Path(name).suffix for name in fetched.stdout.splitlines()) == [".csv", ".html"]
    listed = rs("jobs", "--report", "sales-by-region", "--by", "bob", "--limit", "2")
    assert listed.stdout.startswith("JOB") and job in listed.stdout and len(listed.stdout.splitlines()) == 3
    (newest, second) = json.loads(rs("jobs", "--report", "sales-by-region", "--limit", "2", "--json").stdout)
    assert (newest["convertedFrom"], second["jobId"]) == (job, job)


def test_reports_are_listed_and_described(rs: Rs) -> None:
    assert "sales-by-region  Sales by région" in rs("reports").stdout
    described = rs("reports", "sales-by-region").stdout
    assert "Formats: csv, json" in described and "since      date" in described and "2024-01-01" in described
    assert json.loads(rs("reports", "days", "--json").stdout)["slug"] == "days"
    assert {"slug", "parameters"} <= set(json.loads(rs("reports", "--json").stdout)[0])


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["run", "sales-by-region", "-p", "since=soon"], 5, "since: Must be a date"),
        (["run", "many-rows", "-p", "rows=many"], 5, "rows: Must be"),
        (["run", "sales-by-region", "-p", "since"], 2, "NAME=VALUE"),
        (["run", "sales-by-region", "-f", "csv", "-f", "pdf", "-o", "one.csv"], 2, "folder"),
        (["run", "no-such-report"], 4, "No such report."),
        (["run", "broken", "-f", "csv"], 6, "does not exist"),
        (["run", "slow", "-p", "steps=30000000", "--timeout", "0.5"], 8, "is still"),
        (["get", UNKNOWN_ID], 4, "not found"),
        (["jobs", "--since", "yesterday"], 5, "since"),
        (["nothing"], 2, "invalid choice"),
    ],
)
def test_what_goes_wrong_is_a_sentence_and_an_exit_code(
    server: RunningServer,
    key: str,
    arguments: list[str],
    code: int,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in {"RS_URL": server.url, "RS_KEY": key}.items():
        monkeypatch.setenv(name, value)
    try:
        returned = main(arguments)  # in this process: starting one takes longer than the calls
    except SystemExit as error:
        returned = error.code  # type: ignore[assignment]
    out, err = capsys.readouterr()
    assert (returned, out) == (code, "") and sentence in err, err


def test_keys_and_servers_that_are_wrong_have_exit_codes(rs: Rs) -> None:
    assert rs("jobs", RS_KEY="rsk_wrong").returncode == 3
    assert rs("jobs", RS_URL="nowhere").returncode == 2
    missing = rs("jobs", RS_KEY="")
    assert missing.returncode == 2 and "rs configure" in missing.stderr


def test_a_job_is_cancelled(rs: Rs, bob: Client) -> None:
    job = rs("run", "slow", "--no-wait").stdout.strip()
    assert rs("cancel", job).returncode == 0
    assert bob.wait(job)["errorDetails"]["code"] == "cancelled"
    assert rs("cancel", job).returncode == 0  # it is cancelled, as was asked for
    assert rs("get", job).returncode == 6


@contextlib.contextmanager
def on_terminal(command: list[str], env: dict[str, str], cwd: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A command whose standard error is a terminal, and the other end of that terminal."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    process = subprocess.Popen(command, env=env, cwd=cwd, stderr=theirs, stdout=subprocess.PIPE)
    os.close(theirs)
    try:
        yield process, ours
    finally:
        process.kill()
        process.communicate()
        os.close(ours)


def read_until(terminal: int, text: str) -> str:
    """Read what a terminal shows until that is there, or the command has ended."""
    shown = ""
    with contextlib.suppress(OSError):  # the other end is closed
        while text not in shown and "\nrs: " not in shown:
            block = os.read(terminal, 4096)
            if not block:
                break
            shown += block.decode(errors="replace")
    return shown


def test_ctrl_c_cancels_the_job_and_progress_is_shown(
    server: RunningServer, key: str, bob: Client, tmp_path: Path
) -> None:
    env = rs_environment(server.url, key)
    with on_terminal([*RS, "run", "slow"], env, tmp_path) as (process, terminal):
        shown = read_until(terminal, "slow: Running")
        assert "slow: Running" in shown
        (job,) = bob.get("/jobs", params={"report": "slow", "status": "Running", "pageSize": 1}).json()["results"]
        process.send_signal(signal.SIGINT)
        assert "The job was cancelled." in read_until(terminal, "The job was cancelled.")
        assert process.wait(30) == 130
    assert bob.get(f"/jobs/{job['jobId']}").json()["errorDetails"]["code"] == "cancelled"


def test_output_that_nobody_reads_is_no_error(server: RunningServer, key: str, tmp_path: Path) -> None:
    command = [*RS, "reports", "--json"]
    process = subprocess.Popen(
        command, env=rs_environment(server.url, key), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout and process.stderr
    process.stdout.close()
    assert (process.stderr.read(), process.wait(30)) == (b"", 0)
    process.stderr.close()


def configure(server: RunningServer, key: str, path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {**rs_environment("", ""), "RS_CONFIG": str(path)}
    command = [*RS, *arguments, "configure", "--url", server.url]
    return subprocess.run(command, env=env, input=f"{key}\n", capture_output=True, text=True, timeout=60)


def test_a_configuration_is_stored_for_its_owner_alone(server: RunningServer, key: str, rs: Rs, tmp_path: Path) -> None:
    path = tmp_path / "new" / "client.ini"
    stored = configure(server, key, path)
    assert stored.returncode == 0 and "as bob" in stored.stderr, stored.stderr
    assert key not in stored.stdout + stored.stderr
    assert path.stat().st_mode & 0o777 == 0o600
    assert configure(server, key, path, "--profile", "second").returncode == 0
    unset: dict[str, Any] = {"RS_URL": "", "RS_KEY": "", "RS_CONFIG": str(path)}
    for profile in ("default", "second"):
        assert "days" in rs("--profile", profile, "reports", **unset).stdout
    assert rs("--profile", "third", "reports", **unset).returncode == 2
    elsewhere = rs("reports", **{**unset, "RS_URL": "http://127.0.0.1:1"})
    assert elsewhere.returncode == 2 and "RS_KEY" in elsewhere.stderr  # the stored key isn't sent to another server
    path.chmod(0o640)
    refused = rs("reports", **unset)
    assert refused.returncode == 2 and "chmod 600" in refused.stderr
    path.chmod(0o600)
    path.write_text(f"key = {key}\n")
    broken = rs("reports", **unset)
    assert broken.returncode == 2 and key not in broken.stderr
    path.unlink()
    assert configure(server, "rsk_wrong", path).returncode == 3 and not path.exists()


def test_names_cannot_control_the_terminal(rs: Rs, alice: Client) -> None:
    fields = {"slug": "odd", "name": "Odd \u001b[2J\u202ename", "data_source": "sales", "query": "select 1 as one"}
    created = alice.post("/reports", json={**fields, "formats": ["csv"], "grants": {"view": ["analysts"]}})
    assert created.status_code == 201, created.text
    try:
        shown = rs("reports").stdout
        assert "Odd" in shown and "\u001b" not in shown and "\u202e" not in shown
    finally:
        alice.request("DELETE", "/reports/odd")


def test_a_key_of_another_user_sees_what_that_user_sees(rs: Rs, make_key: MakeKey) -> None:
    assert rs("reports", RS_KEY=make_key("dave")).stdout.split() == ["REPORT", "NAME", "FORMATS", "DESCRIPTION"]
