"""API keys on a server that runs: a job from its request to its file, and what is written in the background."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx

from tests.acceptance.helpers import assert_error, wait_until


def headers(key):
    return {"Authorization": f"Bearer {key}"}


def test_a_program_runs_a_report_with_a_key(server, bob):
    expires = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    created = bob.post("/keys", json={"name": "nightly", "expires": expires, "reports": ["sales-by-region"]})
    assert created.status_code == 201, created.text
    key = created.json()["key"]
    program = server.client()
    me = program.get("/me", headers=headers(key)).json()
    assert (me["username"], me["tenant"], me["administrator"]) == ("bob", "acme", False)
    assert {**me["key"], "expires": datetime.fromisoformat(me["key"]["expires"])} == {
        "id": created.json()["id"],
        "name": "nightly",
        "rights": ["view", "generate"],
        "reports": ["sales-by-region"],
        "expires": datetime.fromisoformat(expires),
    }
    assert bob.get("/me").json()["key"] is None
    accepted = program.post("/reports/sales-by-region/generate", headers=headers(key))
    assert accepted.status_code == 202, accepted.text
    job = accepted.json()["jobId"]
    wait_until(lambda: program.get(f"/jobs/{job}", headers=headers(key)).json()["status"] == "Succeeded")
    assert program.get(f"/jobs/{job}/result", headers=headers(key)).content.startswith(b"region")
    refused = program.post("/reports/many-rows/generate", headers=headers(key), json={"parameters": {"rows": 1}})
    assert_error(refused, 403, "key_scope")

    def last_use():
        keys = {row["id"]: row["lastUsedAt"] for row in bob.get("/keys").json()["results"]}
        return keys[created.json()["id"]]

    used_at = datetime.fromisoformat(wait_until(last_use, seconds=40))
    assert datetime.now(UTC) - used_at < timedelta(minutes=3)
    assert bob.request("DELETE", f"/keys/{created.json()['id']}").status_code == 204
    for _ in range(8):  # enough to reach both web processes
        answer = httpx.get(f"{server.url}/api/v1/jobs", headers=headers(key))
        assert answer.status_code == 401 and answer.headers["WWW-Authenticate"]
    assert key not in (server.folder / "logs" / "web.log").read_text()
