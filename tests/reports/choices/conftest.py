"""A report whose carriers and airports are chosen from queries."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.reports.definitions.sample_file import apply_definitions, sample

AIRPORTS = [("DE", "BER", "Berlin"), ("DE", "HAM", "Hamburg"), ("DE", "MUC", "Köln/München"), ("FR", "CDG", "Paris")]
PARAMETERS: list[dict[str, Any]] = [
    {
        "name": "country",
        "type": "string",
        "required": True,
        "label": "Country",
        "choices_query": {"query": "select distinct country from airport order by country", "data_source": "places"},
    },
    {
        "name": "airport",
        "type": "string",
        "multiple": True,
        "label": "Airports",
        "choices_query": {
            "query": "select code, name from airport where country = :country order by name",
            "data_source": "places",
        },
    },
    {
        "name": "number",
        "type": "integer",
        "label": "Number",
        "choices_query": {"query": "select column1 from (values (1), (2), (null), (1))"},
    },
]
QUERY = "select :country as country, count(*) as n from flights where :number is null and carrier not in (:airport)"


def with_choices(**changes: Any) -> dict[str, Any]:
    """Return the sample file with the data source `places`, and choices in its first report."""
    data = sample()
    data["data_sources"].append({"slug": "places", "tenant": "acme", "kind": "sqlite", "location": "data/places.db"})
    data["data_sources"].append({"slug": "folder", "tenant": "acme", "kind": "files", "location": "data"})
    data["reports"][0] |= {"query": QUERY, "parameters": PARAMETERS, "formats": ["csv"]} | changes
    return data


def create_places(folder: Path) -> Path:
    path = folder / "data/places.db"
    path.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("create table airport (country text, code text, name text)")
        database.executemany("insert into airport values (?, ?, ?)", AIRPORTS)
    with closing(sqlite3.connect(folder / "data/flights.db")) as database, database:
        database.execute("create table flights (carrier text, flight_date text, delay real)")
    return path


@pytest.fixture
def places(tmp_path: Path) -> Path:
    """The file of airports, and the report that reads it, stored."""
    path = create_places(tmp_path)
    apply_definitions(tmp_path, with_choices())
    return path
