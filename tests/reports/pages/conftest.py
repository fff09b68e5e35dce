"""Tenants, users and a report as in tests.pages, and reports with a data source that answers."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from accounts.models import User
from reports import actions
from reports.definitions import parse_report
from reports.models import DataSource, ReportConfiguration
from tests.pages.conftest import (  # noqa: F401
    acme,
    browse,
    globex,
    make_job,
    people,
    report,
    root,
)
from tests.reports.choices.conftest import places  # noqa: F401
from tests.reports.pages.full_report import FULL_REPORT


@pytest.fixture
def source(tmp_path: Path, people: dict[str, User]) -> DataSource:  # noqa: F811
    """An SQLite file with 80 rows: north, 2024-01-01, 0 to 79."""
    path = tmp_path / "sales.db"
    with sqlite3.connect(path) as database:
        database.execute("create table sale (region text, day text, amount integer)")
        database.executemany("insert into sale values (?, '2024-01-01', ?)", [("north", i) for i in range(80)])
    database.close()
    tenant = people["alice"].tenant
    return DataSource.objects.create(tenant=tenant, slug="sales", kind="sqlite", location=str(path))


@pytest.fixture
def full(source: DataSource) -> ReportConfiguration:
    """A report without a field at its default."""
    return actions.create_report(definition=parse_report(FULL_REPORT), tenant=source.tenant, actor="tester")


@pytest.fixture
def small(source: DataSource) -> ReportConfiguration:
    """A report with one parameter."""
    entry = {name: FULL_REPORT[name] for name in ("tenant", "data_source", "formats")}
    entry |= {"slug": "small", "name": "Small", "query": "select region, amount from sale where amount >= :least"}
    entry |= {"parameters": [{"name": "least", "type": "integer", "default": 3, "label": "At least"}]}
    return actions.create_report(definition=parse_report(entry), tenant=source.tenant, actor="tester")
