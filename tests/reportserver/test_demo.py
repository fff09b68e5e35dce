"""The demo that a first start installs."""

from __future__ import annotations

from pathlib import Path

from tests.server import prepare_server


def test_the_sources_accept_the_queries_of_all_reports(tmp_path: Path) -> None:
    server = prepare_server(tmp_path, REPORTSERVER_DEMO="1")
    assert server.manage("check_reports").stdout.endswith("reports checked, no errors.\n")
