"""What the tests of sources and runs share: limits, ways to read everything, and a real PostgreSQL server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import settings

from reports.parameters.values import TypedValue
from reports.rendering.base import Document
from reports.sources import read
from reports.sources.base import Limits, SchemaWidened, SourceSpec
from tests import mariadb
from tests.postgres import postgres_server

# An example that takes long on a busy machine is no fault.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def mariadb_url() -> Iterator[str]:
    if reason := mariadb.missing():
        pytest.skip(reason)
    with mariadb.mariadb_server() as url:
        yield url


@pytest.fixture
def limits(tmp_path: Path) -> Limits:
    return Limits(timeout_seconds=20, memory_bytes=300_000_000, temp_dir=tmp_path / "spill")


@pytest.fixture
def document() -> Document:
    return Document(title="A report", generated_at=datetime(2024, 1, 1, tzinfo=UTC))


@pytest.fixture
def fetch(limits: Limits) -> Callable[..., pa.Table]:
    """Read a whole result, starting again when a source asks for it."""

    def whole(spec: SourceSpec, query: str, limits: Limits = limits, **values: TypedValue) -> pa.Table:
        source: Any = None
        while True:
            try:
                with read(spec, query, values, limits, source=source) as rows:
                    return pa.Table.from_batches(list(rows.batches), rows.schema)
            except SchemaWidened as widened:
                source = widened.source

    return whole
