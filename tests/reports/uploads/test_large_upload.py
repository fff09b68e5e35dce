"""A file that is larger than other requests may be, through a real server."""

from __future__ import annotations

import httpx

from tests.server import Client, RunningServer

LINE = b"some text that repeats,12345.67\n"


def test_a_large_file_is_received_and_one_elsewhere_is_refused(
    server: RunningServer, alice: Client, bob: Client
) -> None:
    body = {"slug": "large", "kind": "files", "uploads": True}
    assert alice.post("/sources", json=body).status_code == 201
    content = b"name,value\n" + LINE * 100_000
    made = alice.post("/sources/large/files", files={"file": ("large.csv", content)})
    assert made.status_code == 201 and made.json()["files"][0]["rows"] == 100_000, made.text
    assert bob.post("/sources/large/files", files={"file": ("large.csv", content)}).status_code == 403
    refused = httpx.post(f"{server.url}/login", files={"file": ("large.csv", content)}, timeout=60)
    assert refused.status_code in (400, 403, 413)
    assert alice.get("/reports").status_code == 200
    assert alice.request("DELETE", "/sources/large").status_code == 204
