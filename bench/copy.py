"""How fast the engine writes each format from PostgreSQL, next to `\\copy` of psql, which does nothing but copy."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from bench import rows, usual
from bench.document import table
from bench.forked import Used, forked
from bench.stats import number, times
from reports import engine, rendering
from reports.engine import RunSpec
from reports.parameters.values import TypedValue
from reports.rendering.base import Document
from reports.sources.base import Limits, SourceSpec
from tests.postgres import postgres_server, program_folder

_QUERY = "select * from flights limit {limit}"
_MILLION = 1_000_000
#: The goals: at most so many times the seconds of \copy, or at least so many rows a second.
_TIMES = {"csv": 1.6, "parquet": 1.3, "ndjson": 2.0, "json": 2.0}
_RATES = {"html": 500_000, "pdf": 10_000}
_COUNTS = {"html": 200_000, "pdf": 100_000}
_XLSXWRITER_GOAL, _XLSXWRITER_ROWS = 3.0, 100_000
_FLAT = ("csv", "ndjson", "json", "parquet", "xlsx")
_PEAK_GOAL, _FLAT_GOAL = 300, 1.2


def measure(quick: bool) -> str:
    """The section of the document."""
    rendering.preload()
    share, repeats = (10, 1) if quick else (1, 3)
    with postgres_server() as url, TemporaryDirectory(prefix="bench-") as folder:
        place = Path(folder)
        _fill(url, place, 10 * _MILLION // share)
        speed = _speed(url, place, share, repeats)
        flat = [_flat(format, url, place, share) for format in _FLAT]
    return _section(speed, flat)


def _fill(url: str, folder: Path, count: int) -> None:
    """The table that is read: written as CSV by DuckDB, and taken in by the server."""
    path = folder / "flights.csv"
    with rows.connection() as database:
        database.execute(f"copy ({rows.plain_query(count)}) to '{path}' (header false)")
    types = (
        "date, time_hour timestamp, carrier text, flight integer, tailnum text, dest text, dep_delay double precision"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create unlogged table flights (flight_date {types}, speed_mph numeric(6,1))")
        with connection.cursor().copy("copy flights from stdin (format csv)") as copy, path.open("rb") as data:
            while some := data.read(1 << 20):
                copy.write(some)
        connection.execute("vacuum analyze flights")
    path.unlink()


def _speed(url: str, folder: Path, share: int, repeats: int) -> list[list[str]]:
    """Everything in turn, as often as asked for, and the best of each."""
    works: dict[str, tuple[int, Callable[[int, Path], object]]] = {
        r"psql \copy": (_MILLION, lambda count, path: _psql(url, count, path)),
        "psycopg + csv module": (_MILLION, lambda count, path: _psycopg(url, count, path)),
        "xlsxwriter constant_memory": (_XLSXWRITER_ROWS, lambda count, path: _xlsxwriter(url, count, path)),
    }
    for format in rendering.RENDERERS:
        works[format] = (_COUNTS.get(format, _MILLION), _ours(format, url, folder))
    runs = [
        {name: _once(write, count // share, folder) for name, (count, write) in works.items()} for _ in range(repeats)
    ]
    best = {name: min((run[name] for run in runs), key=lambda used: used.seconds) for name in works}
    return [_row(name, works[name][0] // share, best, works, share) for name in works]


def _row(name: str, count: int, best: dict[str, Used], works: dict[str, tuple[int, object]], share: int) -> list[str]:
    used, copied = best[name], best[r"psql \copy"]
    per_row = used.seconds / count
    ratio = per_row / (copied.seconds / (_MILLION // share))
    goal, met = "", None
    if name in _TIMES:
        goal, met = f"≤ {_TIMES[name]}x", ratio <= _TIMES[name]
    elif name in _RATES:
        goal, met = f"≥ {_RATES[name]:,} rows/s", 1 / per_row >= _RATES[name]
    elif name == "xlsx":
        other = best["xlsxwriter constant_memory"].seconds / (works["xlsxwriter constant_memory"][0] // share)
        goal, met = (
            f"≥ {_XLSXWRITER_GOAL:.0f}x xlsxwriter ({times(other / per_row)})",
            other / per_row >= _XLSXWRITER_GOAL,
        )
    shown = f"**{name}**" if name in rendering.RENDERERS else name
    verdict = "" if met is None else "met" if met else "**missed**"
    return [
        shown,
        f"{count:,}",
        number(used.seconds),
        number(1 / per_row),
        times(ratio),
        number(used.processor),
        number(used.peak),
        goal,
        verdict,
    ]


def _flat(format: str, url: str, folder: Path, share: int) -> list[str]:
    few, many = (_once(_ours(format, url, folder), count * _MILLION // share, folder) for count in (1, 10))
    growth = many.peak / few.peak
    met = growth <= _FLAT_GOAL and many.peak < _PEAK_GOAL
    return [format, number(few.peak), number(many.peak), times(growth), "met" if met else "**missed**"]


def _ours(format: str, url: str, folder: Path) -> Callable[[int, Path], object]:
    def write(count: int, path: Path) -> None:
        spec = RunSpec(
            source=SourceSpec(kind="postgresql", location=url),
            query=_QUERY.format(limit=":most"),
            values={"most": TypedValue("integer", count)},
            format=format,
            document=Document(title="Flights", generated_at=datetime.now(UTC)),
            limits=Limits(timeout_seconds=600, memory_bytes=1_073_741_824, temp_dir=folder),
        )
        engine.run(spec, path, lambda rows, size, total: None)

    return write


def _once(write: Callable[[int, Path], object], count: int, folder: Path) -> Used:
    path = folder / "result"
    used = forked(lambda: write(count, path))
    path.unlink()
    return used


# ---- the usual means


def _psql(url: str, count: int, path: Path) -> None:
    command = rf"\copy ({_QUERY.format(limit=count)}) to '{path}' (format csv, header)"
    subprocess.run([program_folder() / "psql", "-q", "-d", url, "-c", command], check=True)


def _psycopg(url: str, count: int, path: Path) -> None:
    with psycopg.connect(url) as connection, connection.cursor(name="many") as cursor:
        cursor.itersize = 10_000
        cursor.execute(_QUERY.format(limit=count))
        usual.write_csv(path, [column.name for column in cursor.description or ()], cursor)


def _xlsxwriter(url: str, count: int, path: Path) -> None:
    with psycopg.connect(url) as connection, connection.cursor(name="many") as cursor:
        cursor.itersize = 10_000
        cursor.execute(_QUERY.format(limit=count))
        usual.write_xlsx(path, cursor)


# ---- the section


def _section(speed: list[list[str]], flat: list[list[str]]) -> str:
    head = ["written by", "rows", "seconds", "rows/s", r"time of a row against \copy", "CPU s", "peak MB", "goal", ""]
    flat_head = [
        "format",
        "peak MB, 1 M rows",
        "peak MB, 10 M rows",
        "growth",
        f"≤ {_FLAT_GOAL}x and < {_PEAK_GOAL} MB",
    ]
    return rf"""
The same eight columns from a table of PostgreSQL on the same machine, whose work takes part of its cores. `\copy` of
psql is the measure: it moves the server's own CSV into a file and does nothing else. This server's formats are in bold;
each run is a process of its own, the best of three counts, all in turn.

{table(head, speed)}

How to read it: “1.5x” means that a row takes one and a half times as long as with `\copy`. CPU is that of the process
that writes, without the server's. Half a second of it and more is PostgreSQL's driver, whose wheel is compiled without
optimisation ([what was tried](dependencies.md)).

{table(flat_head, flat)}
"""
