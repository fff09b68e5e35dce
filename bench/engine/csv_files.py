"""Cost of reading CSV and NDJSON files exactly, compared with reading it as DuckDB guesses: through the same engine.

`python -m bench.engine.csv_files MEGABYTES` measures a file of another size.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from bench.engine import flights
from bench.harness import machine
from bench.harness.formatting import met, number, ratio
from bench.harness.markdown import table
from bench.harness.resource_usage import ResourceUsage, run_in_child
from reports import engine, rendering
from reports.engine import RunSpec
from reports.rendering.base import Document
from reports.sources.base import Limits, SourceSpec
from reports.sources.duckdb.engine import string_literal
from reports.sources.files import source as files

_MEGABYTES = 1_000
#: Goal: at most this many times the CPU time of reading with DuckDB's guesses.
_GOAL = 1.3
#: About as many bytes as a row of the file has.
_ROW_BYTES = 90
#: NDJSON: part of the rows, and the goal. Keys and types come from all objects, which takes one more pass.
_JSON_PART, _JSON_GOAL = 10, 2.0
_FUNCTIONS = {".csv": "read_csv", ".ndjson": "read_json"}
_ROWS = """
select i as id, date '2020-01-01' + (hash(i) % 2000)::integer as day,
       timestamp '2020-01-01' + to_seconds((hash(i + 1) % 100000000)::integer) as moment,
       'C' || lpad((hash(i + 2) % 10000)::varchar, 5, '0') as code, 'Customer ' || md5(i::varchar)[:12] as name,
       ((hash(i + 3) % 10000000)::integer / 100)::decimal(12, 2) as amount, (hash(i + 4) % 100)::integer as quantity,
       ['new', 'open', 'closed'][(hash(i + 5) % 3)::integer + 1] as status, hash(i + 6) % 2 = 0 as paid,
       ['DE', 'FR', 'US', 'GB'][(hash(i + 7) % 4)::integer + 1] as country
from range({rows}) as r(i)
"""


@dataclass(frozen=True)
class Case:
    """A query on the file, and what it is for."""

    name: str
    query: str
    format: str
    goal: float = _GOAL


_CASES = (
    Case("all columns into a CSV file", "from t", "csv"),
    Case("all columns into a Parquet file", "from t", "parquet"),
    Case(
        "totals of three columns",
        "select day, sum(amount) as amount, sum(quantity) as quantity from t group by day",
        "csv",
    ),
    Case("all columns, read only", "select count(columns(*)) from t", "csv"),
)
_JSON_CASE = Case("all columns of an NDJSON file, read only", "select count(columns(*)) from t", "csv", _JSON_GOAL)


def measure(quick: bool, megabytes: int | None = None) -> str:
    """Return the section of the document."""
    rendering.preload()
    megabytes = megabytes or (50 if quick else _MEGABYTES)
    with TemporaryDirectory(prefix="bench-") as name:
        path, json_path = Path(name) / "t.csv", Path(name) / "t.ndjson"
        with flights.connect() as database:
            count = megabytes * 1_000_000 // _ROW_BYTES
            for file, rows in ((path, count), (json_path, count // _JSON_PART)):
                database.execute(f"copy ({_ROWS.format(rows=rows)}) to {string_literal(str(file))}")
        size = path.stat().st_size / 1e6
        json_size = json_path.stat().st_size / 1e6
        repeats = 1 if quick else 3
        compared = [_compare(case, path, repeats) for case in _CASES]
        compared.append(_compare(_JSON_CASE, json_path, repeats))
    return _section(size, json_size, compared)


def _compare(case: Case, path: Path, repeats: int) -> list[str]:
    """Return the table's row for one case. Both ways take turns; the run with the least CPU time of each counts."""
    exact, guessed = [], []
    for _ in range(repeats):
        exact.append(run_in_child(lambda: _run(case, path)))
        guessed.append(run_in_child(lambda: _run_guessing(case, path)))
    ours, theirs = (min(runs, key=lambda run: run.cpu_seconds) for runs in (exact, guessed))
    times = ours.cpu_seconds / theirs.cpu_seconds
    return [case.name, *_usage(ours), *_usage(theirs), ratio(times), f"≤ {case.goal}x", met(times <= case.goal)]


def _usage(usage: ResourceUsage) -> tuple[str, str]:
    return number(usage.cpu_seconds), number(usage.seconds)


def _run(case: Case, path: Path) -> None:
    spec = RunSpec(
        source=SourceSpec(kind="files", location=str(path)),
        query=case.query,
        values={},
        formats=(case.format,),
        document=Document(title="CSV", generated_at=datetime.now(UTC)),
        limits=Limits(timeout_seconds=3600, memory_bytes=1_073_741_824, temp_dir=path.parent / "spill"),
    )
    engine.run(spec, path.with_suffix(".result"), lambda rows, size, total: None)


def _run_guessing(case: Case, path: Path) -> None:
    with _guessing(path.suffix):
        _run(case, path)


@contextmanager
def _guessing(suffix: str) -> Iterator[None]:
    """Let the engine read files with this extension as DuckDB does by itself."""
    exact: Callable[[duckdb.DuckDBPyConnection, Path, bool], str] = files._VIEWS[suffix]
    function = _FUNCTIONS[suffix]
    files._VIEWS[suffix] = lambda connection, path, whole: f"from {function}({string_literal(str(path))})"
    try:
        yield
    finally:
        files._VIEWS[suffix] = exact


def _section(size: float, json_size: float, rows: list[list[str]]) -> str:
    head = ["query", "exact, CPU s", "seconds", "guessed, CPU s", "seconds", "CPU, exact / guessed", "goal", ""]
    return f"""
A CSV file of {number(size)} MB with ten columns, six of which are numbers, dates, times and booleans. This server
reads fields as text, converts them and checks that no value changes. DuckDB by itself takes types from the first 20,480
rows and makes later values fit. Both run in the same engine, in turn, each in a process of its own; the run with
the least CPU time counts.

{table(head, rows)}

A column that the query doesn't use is neither converted nor checked. A value that deviates after the first 20,480 rows
costs one more pass over the file, in which types are taken from all rows.

The NDJSON file has {number(json_size)} MB and the same columns. Its keys and types always come from all objects: a
first pass compares them with the shape of the first ones. Numbers of 16 or more digits cost more, because each is
compared with its double.
"""


if __name__ == "__main__":
    print(machine.describe(), "\n", measure(False, int(sys.argv[1]) if sys.argv[1:] else None))
