"""The server that is measured: the demo with the default two web processes and two workers, and without rate limits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from bench.web.client import ApiClient
from tests import server as test_server

DEFINITIONS = test_server.ROOT / "demo" / "definitions.yaml"
_USERS = ("admin", "analyst", "outsider")
_UNLIMITED = "1000000"
_SETTINGS = {
    **{f"REPORTSERVER_DEMO_{name.upper()}_PASSWORD": f"{name}-password-1" for name in _USERS},
    "REPORTSERVER_RATE_API": _UNLIMITED,
    "REPORTSERVER_RATE_GENERATE": _UNLIMITED,
    "REPORTSERVER_MAX_UNFINISHED_PER_USER": _UNLIMITED,
    "REPORTSERVER_MAX_UNFINISHED_PER_TENANT": _UNLIMITED,
    "REPORTSERVER_MAX_RUNNING_PER_USER": _UNLIMITED,
    "REPORTSERVER_MAX_RUNNING_PER_TENANT": _UNLIMITED,
}


@dataclass
class Server:
    """A running server with the demo, and clients for two of its users."""

    running: test_server.RunningServer
    analyst: ApiClient
    admin: ApiClient

    @property
    def url(self) -> str:
        return self.running.url

    def web_processes(self) -> list[psutil.Process]:
        """Return the processes that answer requests, without gunicorn's master."""
        children = psutil.Process(self.running.process.pid).children()
        masters = [child for child in children if "gunicorn" in " ".join(child.cmdline())]
        return [worker for master in masters for worker in master.children()]

    def result_file(self, job_id: str) -> Path:
        return next(self.running.folder.glob(f"artifacts/*/{job_id}/*.*"))

    def events(self, job_id: str) -> list[dict[str, Any]]:
        """Return the job's timeline."""
        events: list[dict[str, Any]] = self.admin.request("GET", f"/jobs/{job_id}/events", 200)["results"]
        return events

    def child_process(self, job_id: str) -> psutil.Process:
        """Return the child that runs this job: its worker's grandchild, below the fork server."""
        claimed = next(event for event in self.events(job_id) if event["kind"] == "claimed")
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            fork_servers = psutil.Process(claimed["details"]["pid"]).children()
            if children := [child for server in fork_servers for child in server.children()]:
                return children[0]
            time.sleep(0.02)
        raise AssertionError(f"Job {job_id} has no child process.")


@contextmanager
def running_server(**settings: str) -> Iterator[Server]:
    with (
        TemporaryDirectory(prefix="bench-") as folder,
        test_server.running_server(Path(folder), DEFINITIONS, **_SETTINGS, **settings) as running,
    ):
        yield Server(running, ApiClient(running.url, "analyst"), ApiClient(running.url, "admin"))
