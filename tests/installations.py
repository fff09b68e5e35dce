"""Installations that tests change as they like, on each database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.postgres import postgres_server
from tests.server import RunningServer, prepare_server


@contextmanager
def installation(database: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    """Prepare one that is not started. It is on "sqlite" or "postgresql", whose server ends with the context."""
    if database == "sqlite":
        yield prepare_server(folder, prepared=request.getfixturevalue("prepared"))
        return
    prepared = request.getfixturevalue("prepared_on_postgresql")
    with postgres_server() as url:
        own = f"{url.removesuffix('/postgres')}/original"
        with psycopg.connect(url, autocommit=True) as server:
            server.execute("create database original")
        yield prepare_server(folder, prepared=prepared, REPORTSERVER_DATABASE_URL=own)
