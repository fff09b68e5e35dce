"""A tenant's people, a data source of each kind that needs no server, and the folder that the operator allows."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from accounts.models import User
from tests.pages.conftest import (  # noqa: F401
    acme,
    browse,
    globex,
    people,
    root,
)


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    """A folder with two CSV files and a damaged Parquet file, an SQLite file and a DuckDB file."""
    settings.SOURCE_FOLDERS = [tmp_path]
    files = tmp_path / "files"
    files.mkdir()
    (files / "sales.csv").write_text("region,amount\nnorth,1.50\nsouth,2\n")
    (files / "Order lines.csv").write_text("day,number\n2024-01-01,7\n")
    (files / "broken.parquet").write_text("not parquet")
    with closing(sqlite3.connect(tmp_path / "sales.db")) as database:
        database.execute("create table sale (region text, amount integer)")
        database.execute("insert into sale values ('north', 1)")
        database.commit()
    with duckdb.connect(str(tmp_path / "sales.duckdb")) as duck:
        duck.execute("create table sale (region varchar, amount decimal(9,2)); create schema old")
        duck.execute('create table old."Sale 2023" (x integer)')
    return tmp_path


@pytest.fixture
def alice(people: dict[str, User]) -> User:  # noqa: F811
    return people["alice"]
