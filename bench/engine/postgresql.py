"""Speed of the engine from a PostgreSQL table into each format, compared with `\\copy` of psql, which only copies."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from bench.engine import flights
from bench.engine.memory import PeakMemory, memory_table
from bench.engine.peers import python_writers
from bench.harness.formatting import met, number, ratio
from bench.harness.markdown import table
from bench.harness.resource_usage import ResourceUsage, run_in_child
from reports import engine, rendering
from reports.engine import RunSpec
from reports.parameters.values import TypedValue
from reports.rendering.base import Document
from reports.sources.base import Limits, SourceSpec
from tests.postgres import postgres_server, program_folder

_QUERY = "select * from flights limit {limit}"
_MILLION = 1_000_000
_COPY, _XLSXWRITER = r"psql \copy", "xlsxwriter constant_memory"
#: Goals: at most this many times as long per row as \copy, or at least this many rows per second.
_RATIO_GOALS = {"csv": 1.6, "parquet": 1.3, "ndjson": 2.0, "json": 2.0}
_RATE_GOALS = {"html": 500_000, "pdf": 10_000}
#: Goal: this many times as fast as XlsxWriter.
_XLSX_GOAL = 3.0
_ROWS = {"html": 200_000, "pdf": 100_000, _XLSXWRITER: 100_000}
#: Writes this many rows into a file.
Write = Callable[[int, Path], object]


@dataclass(frozen=True)
class Measurement:
    """The fastest run of one writer."""

    rows: int
    usage: ResourceUsage

    @property
    def seconds_per_row(self) -> float:
        return self.usage.seconds / self.rows


def measure(quick: bool) -> str:
    """Return the section of the document."""
    rendering.preload()
    divisor, repeats = (10, 1) if quick else (1, 3)
    with postgres_server() as url, TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        _create_table(url, folder, 10 * _MILLION // divisor)
        runs = _fastest_runs(_writers(url, folder), divisor, repeats, folder)
        memory = memory_table(lambda format: _peak_memory(_engine_writer(format, url, folder), divisor, folder), 10)
    return _section([_row(name, runs) for name in runs], memory)


def _create_table(url: str, folder: Path, rows: int) -> None:
    """Create the table of flights. DuckDB writes its rows as CSV, and the server copies them."""
    path = folder / "flights.csv"
    with flights.connect() as database:
        database.execute(f"copy ({flights.literal_query(rows)}) to '{path}' (header false)")
    columns = (
        "flight_date date, time_hour timestamp, carrier text, flight integer, tailnum text, dest text, "
        "dep_delay double precision, speed_mph numeric(6,1)"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create unlogged table flights ({columns})")
        with connection.cursor().copy("copy flights from stdin (format csv)") as copy, path.open("rb") as file:
            while block := file.read(1 << 20):
                copy.write(block)
        connection.execute("vacuum analyze flights")
    path.unlink()


def _writers(url: str, folder: Path) -> dict[str, Write]:
    """Return the peers, then the engine in each format."""
    peers: dict[str, Write] = {
        _COPY: lambda rows, path: _psql_copy(url, rows, path),
        "psycopg + csv module": lambda rows, path: _psycopg_csv(url, rows, path),
        _XLSXWRITER: lambda rows, path: _psycopg_xlsxwriter(url, rows, path),
    }
    return peers | {format: _engine_writer(format, url, folder) for format in rendering.RENDERERS}


def _fastest_runs(writers: dict[str, Write], divisor: int, repeats: int, folder: Path) -> dict[str, Measurement]:
    """Run all writers in turn, this many times. Return the fastest run of each."""
    rows = {name: _ROWS.get(name, _MILLION) // divisor for name in writers}
    rounds = [{name: _run(write, rows[name], folder) for name, write in writers.items()} for _ in range(repeats)]
    return {
        name: Measurement(rows[name], min((runs[name] for runs in rounds), key=lambda usage: usage.seconds))
        for name in writers
    }


def _run(write: Write, rows: int, folder: Path) -> ResourceUsage:
    path = folder / "result"
    usage = run_in_child(lambda: write(rows, path))
    path.unlink()
    return usage


def _peak_memory(write: Write, divisor: int, folder: Path) -> PeakMemory:
    small, large = (_run(write, millions * _MILLION // divisor, folder).peak_mb for millions in (1, 10))
    return PeakMemory(small, large)


def _engine_writer(format: str, url: str, folder: Path) -> Write:
    def write(rows: int, path: Path) -> None:
        spec = RunSpec(
            source=SourceSpec(kind="postgresql", location=url),
            query=_QUERY.format(limit=":row_count"),
            values={"row_count": TypedValue("integer", rows)},
            formats=(format,),
            document=Document(title="Flights", generated_at=datetime.now(UTC)),
            limits=Limits(timeout_seconds=600, memory_bytes=1_073_741_824, temp_dir=folder),
        )
        engine.run(spec, path, lambda rows, size, total: None)

    return write


# ---- peers


def _psql_copy(url: str, rows: int, path: Path) -> None:
    command = rf"\copy ({_QUERY.format(limit=rows)}) to '{path}' (format csv, header)"
    subprocess.run([program_folder() / "psql", "-q", "-d", url, "-c", command], check=True)


def _psycopg_csv(url: str, rows: int, path: Path) -> None:
    with _cursor(url, rows) as cursor:
        python_writers.write_csv(path, [column.name for column in cursor.description or ()], cursor)


def _psycopg_xlsxwriter(url: str, rows: int, path: Path) -> None:
    with _cursor(url, rows) as cursor:
        python_writers.write_xlsx(path, cursor)


@contextmanager
def _cursor(url: str, rows: int) -> Iterator[psycopg.ServerCursor]:
    """Yield a cursor on the server, which reads the rows in blocks."""
    with psycopg.connect(url) as connection, connection.cursor(name="flights") as cursor:
        cursor.itersize = 10_000
        cursor.execute(_QUERY.format(limit=rows))
        yield cursor


# ---- the section


def _row(name: str, runs: dict[str, Measurement]) -> list[str]:
    run = runs[name]
    return [
        f"**{name}**" if name in rendering.RENDERERS else name,
        f"{run.rows:,}",
        number(run.usage.seconds),
        number(1 / run.seconds_per_row),
        ratio(run.seconds_per_row / runs[_COPY].seconds_per_row),
        number(run.usage.cpu_seconds),
        number(run.usage.peak_mb),
        *_goal(name, runs),
    ]


def _goal(name: str, runs: dict[str, Measurement]) -> tuple[str, str]:
    """Return the goal and whether it was met. Both are empty for a peer."""
    per_row = runs[name].seconds_per_row
    if name in _RATIO_GOALS:
        return f"≤ {_RATIO_GOALS[name]}x", met(per_row / runs[_COPY].seconds_per_row <= _RATIO_GOALS[name])
    if name in _RATE_GOALS:
        return f"≥ {_RATE_GOALS[name]:,} rows/s", met(1 / per_row >= _RATE_GOALS[name])
    if name == "xlsx":
        speed = runs[_XLSXWRITER].seconds_per_row / per_row
        return f"≥ {_XLSX_GOAL:.0f}x xlsxwriter ({ratio(speed)})", met(speed >= _XLSX_GOAL)
    return "", ""


def _section(speed: list[list[str]], memory: str) -> str:
    head = ["written by", "rows", "seconds", "rows/s", r"time per row / \copy", "CPU s", "peak MB", "goal", ""]
    return rf"""
The same eight columns, from a PostgreSQL table on the same machine. The database server's work takes part of its cores.
The baseline is `\copy` of psql, which only moves the server's CSV into a file. This server's formats are in bold. Each
run is a process of its own. All writers run in turn; the best of three runs counts.

{table(head, speed)}

“1.5x” means that a row takes one and a half times as long as with `\copy`. CPU is the CPU time of the process that
writes, without the database server's. PostgreSQL's driver takes half a second of it or more: its wheel is compiled
without optimization ([what was tried](dependencies.md#the-postgresql-driver)).

{memory}
"""
