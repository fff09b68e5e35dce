"""Speed of the engine in each format, compared with the libraries and programs that are usually used for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.engine import flights
from bench.engine.flights import MILLION
from bench.engine.memory import PeakMemory, memory_table
from bench.engine.peers import python_writers
from bench.engine.peers.programs import InstalledPrograms, chromium, print_with_chromium
from bench.harness.formatting import number, ratio
from bench.harness.markdown import table
from bench.harness.resource_usage import ResourceUsage, run_in_child
from reports import engine, rendering
from reports.rendering.base import LOCALIZED

#: Writes this many rows into a file.
Write = Callable[[int, Path], object]


@dataclass(frozen=True)
class Peer:
    """A library or program to compare with. Slow ones get fewer rows."""

    name: str
    write: Write
    rows: int


@dataclass(frozen=True)
class Case:
    """A format, and how many rows of it the engine writes."""

    format: str
    rows: int
    peers: tuple[Peer, ...]


_CASES = (
    Case(
        "csv",
        MILLION,
        (
            Peer("csv module", python_writers.csv_module, MILLION),
            Peer("pyarrow.csv alone", python_writers.pyarrow_csv, MILLION),
        ),
    ),
    Case("ndjson", MILLION, (Peer("json.dumps per row", python_writers.json_dumps_per_row, MILLION // 3),)),
    Case("json", MILLION, (Peer("json.dump at once", python_writers.json_dump_at_once, MILLION // 3),)),
    Case("parquet", MILLION, (Peer("pyarrow.parquet alone", python_writers.pyarrow_parquet, MILLION),)),
    Case(
        "xlsx",
        MILLION,
        (
            Peer("xlsxwriter constant_memory", python_writers.xlsxwriter_constant_memory, 100_000),
            Peer("openpyxl write_only", python_writers.openpyxl_write_only, 50_000),
        ),
    ),
    Case("html", 200_000, (Peer("html.escape per cell", python_writers.html_escape, 100_000),)),
    Case("pdf", 100_000, (Peer("ReportLab LongTable", python_writers.reportlab_table, 5_000),)),
)
#: Of the rate without column formats: the goal of html and pdf.
_LEAST_SHARE = 0.7
_JSREPORT_ROWS = {"csv": 100_000, "html": 100_000, "xlsx": 5_000}
#: Chromium takes minutes for 100,000 rows, and longer for each row the more there are.
_CHROMIUM_ROWS = 10_000


@dataclass(frozen=True)
class Measurement:
    """The fastest run of one writer. `size` is that of the file, in bytes."""

    rows: int
    size: int
    usage: ResourceUsage

    @property
    def rows_per_second(self) -> float:
        return self.rows / self.usage.seconds

    @property
    def cpu_seconds_per_million(self) -> float:
        return self.usage.cpu_seconds / self.rows * 1e6


def measure(quick: bool) -> str:
    """Return the section of the document."""
    rendering.preload()
    divisor, repeats = (10, 1) if quick else (1, 2)
    with TemporaryDirectory(prefix="bench-") as name, InstalledPrograms() as programs:
        folder = Path(name)
        idle_peak = run_in_child(lambda: None).peak_mb
        cases = [_with_programs(case, programs, folder) for case in _CASES]
        speed = [row for case in cases for row in _compare(case, divisor, repeats, folder)]
        formatted = [_formatted_row(case, divisor, repeats, folder) for case in cases if case.format in LOCALIZED]
        memory = memory_table(lambda format: _peak_memory(format, divisor, folder), 4)
    return _section(speed, formatted, memory, idle_peak, "".join(f" {sentence}" for sentence in programs.missing))


def _with_programs(case: Case, programs: InstalledPrograms, folder: Path) -> Case:
    """Add the programs that are installed and can write a few rows in this format."""
    peers = []
    if case.format == "csv" and programs.has_pandas:
        peers.append(Peer("pandas", programs.pandas_csv, MILLION))
    if case.format in _JSREPORT_ROWS and programs.has_jsreport:
        peers.append(Peer("jsreport", programs.jsreport(case.format), _JSREPORT_ROWS[case.format]))
    if case.format == "pdf" and chromium():
        peers.append(Peer("Chromium print", print_with_chromium, _CHROMIUM_ROWS))
    return replace(case, peers=(*case.peers, *(peer for peer in peers if _works(case.format, peer, programs, folder))))


def _works(format: str, peer: Peer, programs: InstalledPrograms, folder: Path) -> bool:
    try:
        _run(peer.write, 10, folder)
    except SystemExit:
        programs.missing.append(f"{peer.name} can't write {format} on this machine.")
        return False
    return True


def _compare(case: Case, divisor: int, repeats: int, folder: Path) -> list[list[str]]:
    """Return the table's rows for one format: the engine, then its peers. All of them are run in turn."""
    writers = [Peer("**this engine**", _engine_writer(case.format, folder), case.rows), *case.peers]
    rounds = [[_run(writer.write, writer.rows // divisor, folder) for writer in writers] for _ in range(repeats)]
    best = [min(runs, key=lambda run: run.usage.seconds) for runs in zip(*rounds, strict=True)]
    return [_row(case.format, writer.name, run, best[0]) for writer, run in zip(writers, best, strict=True)]


def _row(format: str, name: str, run: Measurement, ours: Measurement) -> list[str]:
    return [
        format,
        name,
        f"{run.rows:,}",
        number(run.usage.seconds),
        number(run.rows_per_second),
        number(run.size / run.usage.seconds / 1e6),
        number(run.cpu_seconds_per_million),
        number(run.usage.peak_mb),
        "" if run is ours else ratio(ours.rows_per_second / run.rows_per_second),
        "" if run is ours else ratio(run.cpu_seconds_per_million / ours.cpu_seconds_per_million),
    ]


def _formatted_row(case: Case, divisor: int, repeats: int, folder: Path) -> list[str]:
    """The rates of one format without and with column formats, run in turn; the better of each counts."""
    rates = dict.fromkeys((False, True), 0.0)
    for _ in range(2 * repeats):
        for formatted in rates:
            write = _engine_writer(case.format, folder, formatted=formatted)
            rates[formatted] = max(rates[formatted], _run(write, case.rows // divisor, folder).rows_per_second)
    share = rates[True] / rates[False]
    met = "" if case.format == "xlsx" else "met" if share >= _LEAST_SHARE else "missed"
    return [case.format, number(rates[False]), number(rates[True]), ratio(share), met]


def _peak_memory(format: str, divisor: int, folder: Path) -> PeakMemory:
    write = _engine_writer(format, folder)
    small, large = (_run(write, millions * MILLION // divisor, folder).usage.peak_mb for millions in (1, 4))
    return PeakMemory(small, large)


def _engine_writer(format: str, folder: Path, *, formatted: bool = False) -> Write:
    def write(rows: int, path: Path) -> object:
        spec = flights.run_spec(format, rows, folder, formatted=formatted)
        return engine.run(spec, path, lambda rows, size, total: None)

    return write


def _run(write: Write, rows: int, folder: Path) -> Measurement:
    path = folder / "result"
    usage = run_in_child(lambda: write(rows, path))
    size = path.stat().st_size
    path.unlink()
    return Measurement(rows, size, usage)


def _section(speed: list[list[str]], formatted: list[list[str]], memory: str, idle_peak: float, missing: str) -> str:
    head = ["format", "written by", "rows", "seconds", "rows/s", "MB/s", "CPU s per million rows", "peak MB",
            "engine's speed", "CPU saved"]  # fmt: skip
    return f"""
Eight columns of the demo's flights (a date, a time, three texts, two integers, a decimal), read from Parquet by DuckDB.
Each run is a process of its own, forked as a worker forks it. The engine and its peers run in turn; the better of two
runs counts. The engine's figures include work that makes a result safe to publish and that the peers don't do: limits
and progress after every batch, the formula guard, the file's SHA-256, and a sync to the disk.
Slow peers get fewer rows; the rates are compared. The figures of pandas, jsreport (handlebars, and html-to-xlsx with
cheerio) and Chromium include the start of these programs. jsreport gets its rows as JSON.{missing}

{table(head, speed)}

“Engine's speed” compares the engine's rows per second with the peer's: above 1x the engine is faster. CPU is the CPU
time of all threads, which hardly changes when the machine is busy with other work. “CPU saved” compares the peer's CPU
time with the engine's. Where it is below 1x, the additional work above costs more than the engine saves.

With a CLDR pattern or a label on every column, in the locale de-DE (dates, times and numbers are formatted, three texts
aren't):

{table(["format", "rows/s without", "rows/s with formats", "share", f"at least {_LEAST_SHARE}x"], formatted)}

{memory}

A process that does nothing peaks at {idle_peak:.0f} MB, most of it shared with its parent. A result four times as large
must not need more memory, or one large report could stop the server.
"""
