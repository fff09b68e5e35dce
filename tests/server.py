"""A report server as an operator starts it: `manage.py prepare`, then `manage.py serve`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance import openapi
from tests.ports import free_port
from tests.postgres import restore

#: The id of nothing. Constant, because pytest-xdist needs the same test names in every process.
UNKNOWN_ID = "6d1f5b8e-2c94-4f0a-9d57-0b1c3e8a7f42"
#: The file in a prepared server's data folder that fills an empty PostgreSQL database.
DATABASE_SCRIPT = "database.sql"
#: Within which a server must be ready. It takes five on a quiet machine.
_START_SECONDS = 200
ROOT = Path(__file__).resolve().parent.parent
METRICS_TOKEN = "a token for the tests' metrics".replace(" ", "-")


@dataclass
class Client:
    """An HTTP client of one user, or of nobody without a user name.

    Every response of the API is checked against the OpenAPI document.
    """

    base: str
    username: str = ""
    password: str = ""
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.base, timeout=60, event_hooks={"response": [openapi.check]})
        if self.username:
            self.sign_in()

    def sign_in(self) -> None:
        answer = self.http.post("/api/v1/auth/token", json={"username": self.username, "password": self.password})
        if answer.status_code != 200:
            self.http.close()
        assert answer.status_code == 200, answer.text
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access']}"

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.http.get(self._url(path), **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.http.post(self._url(path), **options)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.http.request(method, self._url(path), **options)

    def generate(self, report: str, parameters: Mapping[str, Any] | None = None, **body: Any) -> str:
        """Request a report. Returns the job's id."""
        answer = self.post(f"/reports/{report}/generate", json={"parameters": dict(parameters or {}), **body})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["jobId"])

    def wait(self, job_id: str, *statuses: str, seconds: float = 60) -> dict[str, Any]:
        """Return the status document of a job once its status is one of these (default: it has ended)."""
        expected = statuses or ("Succeeded", "Failed")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            job: dict[str, Any] = self.get(f"/jobs/{job_id}").json()
            if job["status"] in expected:
                return job
            time.sleep(0.05)
        raise AssertionError(f"Not {expected} after {seconds} s: {job}")

    def _url(self, path: str) -> str:
        return path if path.startswith(("http", "/api/", "/static", "/admin")) else f"/api/v1{path}"


@dataclass
class RunningServer:
    """A running server: its URL, data folder and environment, its process, and clients that are signed in to it."""

    url: str
    folder: Path
    env: dict[str, str]
    process: subprocess.Popen[bytes]
    #: The command line before a command's name, and where it is run.
    program: tuple[str, ...] = (sys.executable, "manage.py")
    cwd: Path = ROOT
    clients: dict[str, Client] = field(default_factory=dict)

    def client(self, username: str = "", password: str = "") -> Client:
        """Return a client of this user, who signs in only once. It is closed when the server stops."""
        if username not in self.clients:
            self.clients[username] = Client(self.url, username, password or f"{username}-password-1")
        return self.clients[username]

    def manage(self, *command: str, check: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a manage.py command on this server's data."""
        return subprocess.run(
            [*self.program, *command],
            cwd=self.cwd,
            env={**self.env, **env},
            check=check,
            capture_output=True,
            text=True,
        )

    def probe(self, path: str = "/readyz") -> httpx.Response:
        """Ask for what only the holder of the metrics' token sees."""
        return httpx.get(f"{self.url}{path}", headers={"Authorization": f"Bearer {METRICS_TOKEN}"}, timeout=60)

    def logs(self, name: str = "web") -> list[dict[str, Any]]:
        """Parse the log of the web server (`web`) or the workers (`jobs`)."""
        lines = (self.folder / "logs" / f"{name}.log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def database(self) -> Path:
        return self.folder / "reportserver.sqlite3"


def environment(folder: Path, port: int, **extra: str) -> dict[str, str]:
    """The environment variables of a server. No setting of the test run leaks into them."""
    settings = ("REPORTSERVER_", "DJANGO_", "COVERAGE_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(settings)}
    return {
        **inherited,
        "PORT": str(port),
        "HOST": "127.0.0.1",
        "REPORTSERVER_DATA_DIR": str(folder),
        "REPORTSERVER_DEMO": "0",
        "REPORTSERVER_DEPLOYMENT_ID": "tests",
        "REPORTSERVER_WORKERS": "2",
        "REPORTSERVER_METRICS_TOKEN": METRICS_TOKEN,
        # By default one of two slots is for other users and tenants, while the tests' jobs are mostly bob's.
        "REPORTSERVER_MAX_RUNNING_PER_USER": "1000",
        "REPORTSERVER_MAX_RUNNING_PER_TENANT": "1000",
        # Users of shared servers sign in once, and a whole run on a busy machine takes longer than 15 minutes.
        "REPORTSERVER_ACCESS_TOKEN_MINUTES": "600",
        "DJANGO_SETTINGS_MODULE": "reportserver.settings",
        **extra,
    }


def coverage_variables() -> dict[str, str]:
    """Environment variables that have coverage.py measure a server's processes, if it measures this one.

    Only servers that many tests share get them: measured processes are half as fast.
    """
    if "COVERAGE_PROCESS_CONFIG" not in os.environ:
        return {}
    files = {"COVERAGE_PROCESS_START": ROOT / "tests" / "coverage.toml", "COVERAGE_FILE": ROOT / "var/coverage/data"}
    return {name: str(path) for name, path in files.items()}


@contextmanager
def running_server(
    folder: Path, definitions: Path | None = None, *, prepared: Path | None = None, workers: bool = True, **extra: str
) -> Iterator[RunningServer]:
    """Run a server in a data folder. Fails if it doesn't stop cleanly.

    `prepared` is the data folder of a prepared server, on the same kind of database: copying it is faster than
    preparing this one.
    Without `workers` only the web server runs, so jobs stay Queued.
    """
    server = prepare_server(folder, definitions, prepared=prepared, **extra)
    start(server, workers=workers)
    try:
        yield server
    finally:
        stop(server)


def prepare_server(
    folder: Path,
    definitions: Path | None = None,
    *,
    prepared: Path | None = None,
    program: tuple[str, ...] = RunningServer.program,
    cwd: Path = ROOT,
    **extra: str,
) -> RunningServer:
    """Prepare a server without starting it."""
    port = free_port()
    env = environment(folder, port, **extra)
    url = f"http://127.0.0.1:{port}"
    server = RunningServer(url, folder, env, process=None, program=program, cwd=cwd)  # type: ignore[arg-type]
    if prepared:
        shutil.copytree(prepared, folder, dirs_exist_ok=True)
        if url := extra.get("REPORTSERVER_DATABASE_URL"):
            restore(url, folder / DATABASE_SCRIPT)
        return server
    server.manage("prepare")
    if definitions:
        server.manage("apply", str(definitions))
    return server


def start(server: RunningServer, *, workers: bool = True) -> None:
    """Start the server and wait until it answers."""
    gunicorn = (sys.executable, "-m", "gunicorn", "--config", "python:reportserver.web.gunicorn_config")
    command = (*server.program, "serve") if workers else gunicorn
    logs = server.folder / "logs"
    logs.mkdir(exist_ok=True)
    with (logs / ("serve.log" if workers else "web.log")).open("ab") as log:
        server.process = subprocess.Popen(command, cwd=server.cwd, env=server.env, stdout=log, stderr=log)
    _wait_until_answers(server, "/readyz" if workers else "/livez")


def stop(server: RunningServer) -> None:
    """Stop the server. Fails if it ended by itself or exits with an error."""
    while server.clients:
        server.clients.popitem()[1].http.close()
    assert server.process.poll() is None, "the server ended by itself"
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(60) == 0, "the server did not stop cleanly"


def _wait_until_answers(server: RunningServer, path: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{server.url}{path}", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert server.process.poll() is None, "the server ended while starting"
        time.sleep(0.1)
    raise AssertionError(f"the server was not ready after {_START_SECONDS} s")
