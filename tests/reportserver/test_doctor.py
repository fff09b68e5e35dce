"""manage.py doctor and /metrics: what is wrong is named, with what to do about it."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.server import RunningServer, environment, free_port, prepare_server, running_server


def test_nothing_is_wrong_with_a_running_server_but_a_source_whose_file_is_gone_and_no_mail(
    server: RunningServer,
) -> None:
    told = server.manage("doctor", check=False).stdout
    assert "Hosts at work: 1, with places for 2 jobs." in told
    assert "The audit log is as it was written." in told
    source, mail = [line for line in told.splitlines() if line.startswith("fault")]
    assert "The files of data source gone of Acme Inc. are not at" in source
    assert "there is no mail server" in mail


def test_every_fault_is_named_with_its_remedy(tmp_path: Path, prepared: Path) -> None:
    harmed = prepare_server(tmp_path, prepared=prepared)
    (tmp_path / "keys" / "audit_key").chmod(0o644)
    (tmp_path / "static" / "staticfiles.json").unlink()
    told = harmed.manage("doctor", check=False)
    assert told.returncode == 1
    for word in ("No worker is alive", "manage.py jobserver", "chmod 600", "manage.py prepare", "data source gone"):
        assert word in told.stdout


def test_a_database_that_was_never_made_is_a_fault_and_no_trace(tmp_path: Path) -> None:
    port = free_port()
    bare = RunningServer(f"http://127.0.0.1:{port}", tmp_path, environment(tmp_path, port), process=None)
    told = bare.manage("doctor", check=False)
    assert told.returncode == 1
    assert "changes of the database's schema are waiting. Run manage.py prepare." in told.stdout
    assert "Traceback" not in told.stdout + told.stderr


def test_metrics_count_jobs_and_workers(tmp_path: Path, prepared: Path) -> None:
    with running_server(tmp_path, prepared=prepared) as server:
        bob = server.client("bob")
        bob.wait(bob.generate("sales-by-region"))
        bob.wait(bob.generate("broken"))
        answer = httpx.get(f"{server.url}/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    figures = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
    assert float(figures['reportserver_jobs_last_hour{status="Succeeded"}']) == 1
    assert float(figures['reportserver_jobs_last_hour{status="Failed"}']) == 1
    assert float(figures['reportserver_jobs{status="Running"}']) == 0
    assert (float(figures["reportserver_hosts_alive"]), float(figures["reportserver_slots"])) == (1, 2)
    assert float(figures["reportserver_artifacts_free_bytes"]) > 0
