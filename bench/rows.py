"""The rows that the engine is measured with: eight mixed columns of the demo's flights, as often as asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from reports.engine import RunSpec
from reports.parameters.values import TypedValue
from reports.rendering.base import Document
from reports.sources.base import Limits, SourceSpec
from tests.server import ROOT

FOLDER = ROOT / "demo" / "data" / "flights"
COPIES_OF_A_MILLION = 3
IN_A_COPY = 336_776
_QUERY = """
select f.flight_date, cast(f.time_hour as timestamp) as time_hour, f.carrier, f.flight, f.tailnum, f.dest, f.dep_delay,
       round(60.0 * f.distance / f.air_time, 1) as speed_mph
from {flights} f
cross join range(:copies) as copies(number)
limit :most
"""


def spec(format: str, rows: int, folder: Path) -> RunSpec:
    """That many rows in that format, as a job would run it."""
    return RunSpec(
        source=SourceSpec(kind="files", location=str(FOLDER)),
        query=_QUERY.format(flights="flights"),
        values={"copies": TypedValue("integer", copies(rows)), "most": TypedValue("integer", rows)},
        format=format,
        document=Document(title="Flights", generated_at=datetime.now(UTC)),
        limits=Limits(timeout_seconds=600, memory_bytes=1_073_741_824, temp_dir=folder),
    )


def copies(rows: int) -> int:
    return -(-rows // IN_A_COPY)


def connection() -> duckdb.DuckDBPyConnection:
    """DuckDB as most would open it, with as many threads as the engine gives it."""
    return duckdb.connect(config={"threads": "2"})


def plain_query(rows: int) -> str:
    """The same query with its values written in."""
    text = _QUERY.format(flights=f"read_parquet('{FOLDER / 'flights.parquet'}')")
    return text.replace(":copies", str(copies(rows))).replace(":most", str(rows))


def tuples(rows: int) -> Iterator[list[tuple[object, ...]]]:
    """The rows as Python objects, some thousands at a time."""
    with connection() as database:
        found = database.execute(plain_query(rows))
        while some := found.fetchmany(10_000):
            yield some


def names() -> list[str]:
    with connection() as database:
        return list(database.sql(plain_query(1)).columns)
