"""GET /metrics."""

from __future__ import annotations

from pathlib import Path

from tests.server import running_server


def test_metrics_count_jobs_and_workers(tmp_path: Path, prepared: Path) -> None:
    with running_server(tmp_path, prepared=prepared) as server:
        bob = server.client("bob")
        bob.wait(bob.generate("sales-by-region"))
        bob.wait(bob.generate("broken"))
        answer = server.probe("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    metrics = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
    assert float(metrics['reportserver_jobs_last_hour{status="Succeeded"}']) == 1
    assert float(metrics['reportserver_jobs_last_hour{status="Failed"}']) == 1
    assert float(metrics['reportserver_jobs{status="Running"}']) == 0
    assert (float(metrics["reportserver_hosts_alive"]), float(metrics["reportserver_slots"])) == (1, 2)
    assert float(metrics["reportserver_artifacts_free_bytes"]) > 0
    assert float(metrics["reportserver_late_slots"]) == 0
