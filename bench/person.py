"""A person of the demo with a token and one kept connection; lighter than the tests' client, whose checks take time."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

_IDLE_SECONDS = 10


@dataclass
class Person:
    url: str
    username: str
    token: str = ""
    _asked: float = field(default=0.0, repr=False)
    _connection: http.client.HTTPConnection = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        password = f"{self.username}-password-1"
        pair = self.ask("POST", "/auth/token", 200, {"username": self.username, "password": password})
        self.token = f"Bearer {pair['access']}"

    def ask(self, method: str, path: str, expected: int, body: Any = None, **headers: str) -> Any:
        """The parsed answer, which must have that status."""
        sent = headers | ({"Authorization": self.token} if self.token else {})
        text = None if body is None else json.dumps(body)
        self._reconnect_when_idle()
        self._connection.request(method, f"/api/v1{path}", text, sent | {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        found = json.loads(answer.read())
        assert answer.status == expected, f"{method} {path}: {answer.status} {found}"
        return found

    def _reconnect_when_idle(self) -> None:
        """The server closes a connection on which nothing was asked for a while."""
        now = time.monotonic()
        if now - self._asked > _IDLE_SECONDS:
            self._connection.close()
        self._asked = now

    def generate(self, report: str, parameters: Mapping[str, Any], format: str) -> str:
        """Ask for a report; the job's id."""
        body = {"parameters": dict(parameters), "format": format}
        return str(self.ask("POST", f"/reports/{report}/generate", 202, body)["jobId"])

    def status(self, job_id: str, **headers: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", f"/jobs/{job_id}", 200, **headers)
        return found

    def wait(self, job_id: str, *statuses: str, seconds: float = 120, pause: float = 0.05) -> dict[str, Any]:
        """The job's status once it is one of these (default: ended)."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if (found := self.status(job_id))["status"] in (statuses or ("Succeeded", "Failed")):
                return found
            time.sleep(pause)
        raise AssertionError(f"not {statuses or 'ended'} after {seconds} s: {found}")
