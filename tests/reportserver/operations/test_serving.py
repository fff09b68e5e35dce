"""manage.py serve runs the web server and, unless it is told otherwise, workers."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx
import psutil

from tests.acceptance.helpers import wait_until
from tests.server import RunningServer, prepare_server


def _answers(server: RunningServer) -> bool:
    with suppress(httpx.TransportError):
        return server.probe("/livez").status_code == 200
    return False


def test_a_web_server_without_workers_answers_and_leaves_jobs_to_other_hosts(tmp_path: Path, prepared: Path) -> None:
    server = prepare_server(tmp_path, prepared=prepared)
    command = [*server.program, "serve", "--web"]
    with subprocess.Popen(command, cwd=server.cwd, env=server.env, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: _answers(server))
            job = server.client("bob").generate("sales-by-region")
            assert server.client("bob").get(f"/jobs/{job}").json()["status"] == "Queued"
            assert server.probe().json()["workers"] == "failing"
            programs = [" ".join(child.cmdline()) for child in psutil.Process(process.pid).children()]
            assert len(programs) == 1 and "gunicorn" in programs[0]
            with subprocess.Popen(
                [sys.executable, "manage.py", "jobserver"], cwd=server.cwd, env=server.env, stderr=subprocess.DEVNULL
            ) as jobserver:
                try:
                    assert server.client("bob").wait(job)["status"] == "Succeeded"
                finally:
                    jobserver.send_signal(signal.SIGTERM)
        finally:
            server.clients.popitem()[1].http.close()
            process.send_signal(signal.SIGTERM)
    assert process.returncode == 0
