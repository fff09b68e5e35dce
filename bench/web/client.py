"""An API client for a user of the demo. Unlike the tests' client it doesn't validate responses, which takes time."""

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
class ApiClient:
    """A signed-in user with one persistent connection. `token` is the value of the Authorization header."""

    url: str
    username: str
    token: str = ""
    _last_request_at: float = field(default=0.0, repr=False)
    _connection: http.client.HTTPConnection = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        password = f"{self.username}-password-1"
        tokens = self.request("POST", "/auth/token", 200, {"username": self.username, "password": password})
        self.token = f"Bearer {tokens['access']}"

    def request(self, method: str, path: str, expected_status: int, body: Any = None, **headers: str) -> Any:
        """Return the parsed response. Raises AssertionError if it has another status."""
        authorization = {"Authorization": self.token} if self.token else {}
        text = None if body is None else json.dumps(body)
        self._reconnect_when_idle()
        self._connection.request(
            method, f"/api/v1{path}", text, {**headers, **authorization, "Content-Type": "application/json"}
        )
        response = self._connection.getresponse()
        document = json.loads(response.read())
        assert response.status == expected_status, f"{method} {path}: {response.status} {document}"
        return document

    def _reconnect_when_idle(self) -> None:
        """Open a new connection after a pause: the server closes idle ones."""
        now = time.monotonic()
        if now - self._last_request_at > _IDLE_SECONDS:
            self._connection.close()
        self._last_request_at = now

    def generate(self, report: str, parameters: Mapping[str, Any], format: str) -> str:
        """Request a report. Returns the job's id."""
        body = {"parameters": dict(parameters), "format": format}
        return str(self.request("POST", f"/reports/{report}/generate", 202, body)["jobId"])

    def job(self, job_id: str, **headers: str) -> dict[str, Any]:
        """Return the status document of a job."""
        document: dict[str, Any] = self.request("GET", f"/jobs/{job_id}", 200, **headers)
        return document

    def wait(self, job_id: str, *statuses: str, seconds: float = 120, pause: float = 0.05) -> dict[str, Any]:
        """Return the status document of a job once its status is one of these (default: it has ended)."""
        expected = statuses or ("Succeeded", "Failed")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if (job := self.job(job_id))["status"] in expected:
                return job
            time.sleep(pause)
        raise AssertionError(f"Not {expected} after {seconds} s: {job}")
