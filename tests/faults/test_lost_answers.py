"""The answer to a commit is lost on the network: the call doesn't say that nothing was changed."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import passwords
from tests.faults.cluster import QUICK
from tests.faults.conftest import durable_postgres
from tests.faults.proxy import network
from tests.server import prepare_server, start, stop


def test_a_call_says_that_it_may_have_been_accepted(tmp_path: Path, prepared_on_postgresql: Path) -> None:
    env = {**QUICK, "DJANGO_SETTINGS_MODULE": "reportserver.settings", **passwords()}
    with durable_postgres() as url, network(url) as proxy:
        server = prepare_server(tmp_path, prepared=prepared_on_postgresql, **env, REPORTSERVER_DATABASE_URL=proxy.url)
        start(server, workers=False)
        try:
            bob = server.client("bob")
            bob.generate("sales-by-region")
            proxy.cut_after = [b'insert into "jobs_jobexecutionlog"', b"commit"]
            key = {"Idempotency-Key": "once-and-only-once"}
            lost = bob.post("/reports/sales-by-region/generate", json={}, headers=key)
            assert (lost.status_code, lost.json()["code"]) == (503, "unconfirmed")
            assert "may have been accepted" in lost.json()["error"] and "GET /jobs" in lost.json()["error"]
            assert len(bob.get("/jobs").json()["results"]) == 2
            repeated = bob.post("/reports/sales-by-region/generate", json={}, headers=key)
            assert repeated.status_code == 202
            assert repeated.headers["Idempotency-Replayed"] == "true"
            assert len(bob.get("/jobs").json()["results"]) == 2
        finally:
            stop(server)
