"""A small definitions file, and functions to change and apply it."""

from __future__ import annotations

import copy
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import yaml

from reports import actions
from reports.definitions import files

ENV = {
    "ALICE_PASSWORD": "alice's long password",
    "BOB_PASSWORD": "bob's long password",
    "CRM_URL": "postgresql://crm:hush@db/crm",
}

SAMPLE: dict[str, Any] = {
    "tenants": [{"slug": "acme", "name": "Acme Inc."}],
    "users": [
        {"username": "alice", "tenant": "acme", "roles": ["Administrator"], "password_env": "ALICE_PASSWORD"},
        {"username": "bob", "tenant": "acme", "roles": ["analysts"], "password_env": "BOB_PASSWORD"},
    ],
    "data_sources": [
        {"slug": "flights", "tenant": "acme", "kind": "sqlite", "location": "data/flights.db"},
        {"slug": "crm", "tenant": "acme", "kind": "postgresql", "url_env": "CRM_URL"},
    ],
    "reports": [
        {
            "slug": "carrier-delays",
            "tenant": "acme",
            "name": "Carrier delays",
            "description": "Mean delay by carrier",
            "data_source": "flights",
            "query": "select carrier from flights\nwhere flight_date between :start and :end\n",
            "parameters": [
                {"name": "start", "type": "date", "required": True, "label": "From"},
                {"name": "end", "type": "date", "default": "2013-12-31"},
            ],
            "formats": ["pdf", "csv"],
            "delivery": [
                {"kind": "api_response", "mode": "asynchronous"},
                {"kind": "email", "to": ["ops@example.com"]},
            ],
            "grants": {"generate": ["analysts", "user:bob"], "view": ["readers"]},
            "max_rows": 5_000_000,
        },
        {
            "slug": "customers", "tenant": "acme", "name": "Customers", "data_source": "crm", "query": "select 1",
            "formats": ["csv"],
        },
    ],
}  # fmt: skip


def sample() -> dict[str, Any]:
    """A copy to change."""
    return copy.deepcopy(SAMPLE)


def create_flights(folder: Path, delays: Iterable[float] = (1.5,)) -> Path:
    """Create the SQLite file of the sample's data source `flights`, with a flight for each delay."""
    path = folder / "data/flights.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("create table flights (carrier text, flight_date text, delay real)")
        database.executemany("insert into flights values ('UA', '2013-06-01', ?)", [(delay,) for delay in delays])
    return path


def write_definitions(folder: Path, data: object, name: str = "definitions.yaml") -> Path:
    """Write the data, or the text, to a file."""
    path = folder / name
    path.write_text(data if isinstance(data, str) else yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return path


def apply_definitions(folder: Path, data: object = SAMPLE, **options: Any) -> list[str]:
    """Apply the data and return the differences."""
    definitions = files.load([write_definitions(folder, data)]).definitions
    return actions.apply(definitions=definitions, **({"actor": "tester", "env": ENV} | options))
