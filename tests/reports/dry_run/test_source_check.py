"""Whether a data source responds."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from reports.dry_run.source_check import check_source
from reports.sources.base import SourceSpec


def test_an_empty_database_responds(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "empty.db").close()
    assert not check_source(SourceSpec(kind="sqlite", location=str(tmp_path / "empty.db")), actor="tester").error


def test_files_respond(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a\n1\n")
    assert not check_source(SourceSpec(kind="files", location=str(tmp_path)), actor="tester").error


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_a_missing_file_is_an_error(tmp_path: Path, kind: str) -> None:
    check = check_source(SourceSpec(kind=kind, location=str(tmp_path / "missing")), actor="tester")
    assert check.error == "The data source's file does not exist."


def test_a_file_that_is_no_database_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("not a database " * 100)
    assert check_source(SourceSpec(kind="sqlite", location=str(tmp_path / "text.db")), actor="tester").error


def test_an_unreachable_server_is_an_error_without_its_password() -> None:
    check = check_source(SourceSpec(kind="postgresql", location="postgresql://u:hush@127.0.0.1:1/x"), actor="tester")
    assert check.error
    assert "hush" not in check.error + check.driver_message
