"""The rows that the engine is measured with: eight columns of the demo's flights, repeated as often as needed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from reports.engine import RunSpec
from reports.parameters.values import TypedValue
from reports.rendering.base import Document
from reports.rendering.columns.options import ColumnOptions
from reports.sources.base import Limits, SourceSpec
from tests.server import ROOT

FOLDER = ROOT / "demo" / "data" / "flights"
FLIGHTS = 336_776
#: About a million rows: three times all flights.
MILLION = 3 * FLIGHTS
_QUERY = """
select f.flight_date, cast(f.time_hour as timestamp) as time_hour, f.carrier, f.flight, f.tailnum, f.dest, f.dep_delay,
       round(60.0 * f.distance / f.air_time, 1) as speed_mph
from {flights} f
cross join range(:copies) as copies(number)
limit :row_count
"""


#: A format for each column that has one, and labels for the others.
COLUMNS = {
    "flight_date": ColumnOptions(format="dd.MM.yyyy"),
    "time_hour": ColumnOptions(format="dd.MM.yyyy HH:mm"),
    "carrier": ColumnOptions(label="Airline"),
    "flight": ColumnOptions(format="#,##0"),
    "tailnum": ColumnOptions(label="Aircraft"),
    "dest": ColumnOptions(label="To"),
    "dep_delay": ColumnOptions(format="#,##0 'min'"),
    "speed_mph": ColumnOptions(format="#,##0.0"),
}


def run_spec(format: str, rows: int, folder: Path, *, formatted: bool = False) -> RunSpec:
    """Return what a job would pass to the engine to write this many rows, with a format on every column or without."""
    presentation: dict[str, Any] = {"columns": COLUMNS, "locale": "de-DE"} if formatted else {}
    values = {"copies": TypedValue("integer", _copies(rows)), "row_count": TypedValue("integer", rows)}
    return RunSpec(
        source=SourceSpec(kind="files", location=str(FOLDER)),
        query=_QUERY.format(flights="flights"),
        values=values,
        formats=(format,),
        document=Document(title="Flights", generated_at=datetime.now(UTC), **presentation),
        limits=Limits(timeout_seconds=600, memory_bytes=1_073_741_824, temp_dir=folder),
    )


def connect() -> duckdb.DuckDBPyConnection:
    """Open DuckDB with as many threads as the engine gives it."""
    return duckdb.connect(config={"threads": "2"})


def literal_query(rows: int) -> str:
    """Return the query with its values written into the text, for peers that can't bind parameters."""
    text = _QUERY.format(flights=f"read_parquet('{FOLDER / 'flights.parquet'}')")
    return text.replace(":copies", str(_copies(rows))).replace(":row_count", str(rows))


def batches(rows: int) -> Iterator[list[tuple[object, ...]]]:
    """Yield the rows as Python objects, ten thousand at a time."""
    with connect() as database:
        result = database.execute(literal_query(rows))
        while batch := result.fetchmany(10_000):
            yield batch


def column_names() -> list[str]:
    with connect() as database:
        return list(database.sql(literal_query(1)).columns)


def _copies(rows: int) -> int:
    return -(-rows // FLIGHTS)
