"""Logs are rotated while several processes write to them, and no line is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from reportserver.operations import log_files
from tests.acceptance.helpers import wait_until
from tests.server import RunningServer

#: Logs numbered lines from a process and from one that it forked, then writes to standard error without logging.
PROGRAM = """
import logging, logging.config, os, sys
from reportserver.log_format import logging_config
logging.config.dictConfig(logging_config("INFO"))
parent = os.fork()
for number in range(3000):
    logging.info("line", extra={"parent": bool(parent), "number": number})
if parent:
    os.wait()
print("raw output", flush=True)
os.write(2, b"raw error\\n")
"""


def start_writers(path: Path) -> subprocess.Popen[bytes]:
    with log_files.open_log(path) as log:
        env = {**os.environ, log_files.VARIABLE: str(path)}
        return subprocess.Popen([sys.executable, "-c", PROGRAM], env=env, stdout=log, stderr=log)


def logged(*files: Path) -> list[tuple[bool, int]]:
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines() if line.startswith("{")]
    return [(line["parent"], line["number"]) for line in lines]


def test_no_line_is_lost_when_a_log_grows_too_large(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    process = start_writers(log)
    while process.poll() is None:
        log_files.rotate(log, 250_000)
    files = sorted(tmp_path.iterdir())
    assert process.returncode == 0 and 2 < len(files) <= 1 + log_files.KEPT_FILES, files
    assert sorted(logged(*files)) == [(parent, number) for parent in (False, True) for number in range(3000)]
    assert all(file.stat().st_size < 500_000 and file.stat().st_mode & 0o077 == 0 for file in files[:-1])


def test_what_is_not_logged_follows_too_and_only_five_older_files_are_kept(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    process = start_writers(log)
    wait_until(lambda: log.stat().st_size > 1000)
    log.rename(tmp_path / "moved by logrotate")
    assert process.wait(60) == 0
    assert log.read_text().count("raw output\n") == log.read_text().count("raw error\n") == 2
    for _ in range(8):
        log.write_text("a line\n")
        log_files.rotate(log, 1)
    assert len(list(tmp_path.glob("web.log*"))) == log_files.KEPT_FILES
    log_files.rotate(log, 1)  # nothing has been logged since


def test_a_running_server_goes_on_with_a_new_log(server: RunningServer) -> None:
    log = server.folder / "logs" / "web.log"
    before = server.folder / "logs" / "web.log.before"
    log.rename(before)
    try:
        server.probe("/livez")
        server.client("bob").get("/reports")
        wait_until(log.exists)
        assert "GET api/v1/reports" in log.read_text()
    finally:
        # Later tests of this server look for their lines in one file.
        before.write_text(before.read_text() + log.read_text())
        before.rename(log)


def test_a_calls_line_has_the_trace_of_its_client(server: RunningServer) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    sent = {
        "traced-call-1": f"00-{trace}-00f067aa0ba902b7-01",
        "traced-call-2": f"01-{trace}-00f067aa0ba902b7-01-later-versions-may-add-something",
        "traced-call-3": f"00-{trace}-0000000000000000-01",
        "traced-call-4": "anything that a client types",
    }
    for request_id, header in sent.items():
        server.client("bob").get("/reports", headers={"traceparent": header, "X-Request-ID": request_id})
    traces = {line["request_id"]: line["trace_id"] for line in server.logs() if line.get("request_id") in sent}
    assert traces == {"traced-call-1": trace, "traced-call-2": trace, "traced-call-3": None, "traced-call-4": None}
