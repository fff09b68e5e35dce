"""The server under measurement: the demo, limits out of the way, two web processes and two workers as by default."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from bench.person import Person
from tests.server import ROOT, RunningServer, running_server

DEFINITIONS = ROOT / "demo" / "definitions.yaml"
_PEOPLE = ("admin", "analyst", "outsider")
_OUT_OF_THE_WAY = "1000000"
_SETTINGS = {
    **{f"REPORTSERVER_DEMO_{name.upper()}_PASSWORD": f"{name}-password-1" for name in _PEOPLE},
    "REPORTSERVER_RATE_API": _OUT_OF_THE_WAY,
    "REPORTSERVER_RATE_GENERATE": _OUT_OF_THE_WAY,
    "REPORTSERVER_MAX_UNFINISHED_PER_USER": _OUT_OF_THE_WAY,
    "REPORTSERVER_MAX_UNFINISHED_PER_TENANT": _OUT_OF_THE_WAY,
    "REPORTSERVER_ACCESS_TOKEN_MINUTES": "600",
}


@dataclass
class Site:
    """A running server with the demo, and its two people."""

    server: RunningServer
    analyst: Person
    admin: Person

    def web_processes(self) -> list[psutil.Process]:
        """The processes that answer, without the one that only watches over them."""
        masters = [
            child for child in psutil.Process(self.server.process.pid).children() if "gunicorn" in _command(child)
        ]
        return [worker for master in masters for worker in master.children()]

    def artifact(self, job_id: str) -> Path:
        """The result file of a job."""
        return next(self.server.folder.glob(f"artifacts/*/{job_id}/*.*"))

    def events(self, job_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.admin.ask("GET", f"/jobs/{job_id}/events", 200)["results"]
        return found

    def job_process(self, job_id: str) -> psutil.Process:
        """The process that makes the report of a running job: a child of the fork server of the worker."""
        claimed = next(event for event in self.events(job_id) if event["kind"] == "claimed")
        until = time.monotonic() + 10
        while time.monotonic() < until:
            servers = psutil.Process(claimed["details"]["pid"]).children()
            if children := [child for server in servers for child in server.children()]:
                return children[0]
            time.sleep(0.02)
        raise AssertionError(f"job {job_id} has no process")


@contextmanager
def running_site() -> Iterator[Site]:
    with (
        TemporaryDirectory(prefix="bench-") as folder,
        running_server(Path(folder), DEFINITIONS, **_SETTINGS) as server,
    ):
        yield Site(server, Person(server.url, "analyst"), Person(server.url, "admin"))


def _command(process: psutil.Process) -> str:
    return " ".join(process.cmdline())
