"""How fast the engine writes each format, next to the usual means in the same run, and that its memory stays flat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import rows, usual
from bench.document import table
from bench.forked import Used, forked
from bench.others import Others
from bench.stats import number, times
from reports import engine, rendering

_MILLION = rows.IN_A_COPY * rows.COPIES_OF_A_MILLION
_PEAK_GOAL, _FLAT_GOAL = 300, 1.2
_FLAT = ("csv", "ndjson", "json", "parquet", "xlsx")
Write = Callable[[int, Path], object]


@dataclass(frozen=True)
class Case:
    """A format, how many rows of it, and the usual means with as many rows as they are given time for."""

    format: str
    rows: int
    usual: tuple[tuple[str, Write, int], ...]


_JSREPORT = {"csv": 100_000, "html": 100_000, "xlsx": 5_000}
#: Chromium takes minutes for a hundred thousand rows, and each row of it longer than of these.
_PRINTED = 10_000
_CASES = (
    Case(
        "csv",
        _MILLION,
        (
            ("csv module", usual.csv_module, _MILLION),
            ("pyarrow.csv alone", usual.pyarrow_csv, _MILLION),
        ),
    ),
    Case("ndjson", _MILLION, (("json.dumps per row", usual.json_per_row, _MILLION // 3),)),
    Case("json", _MILLION, (("json.dump at once", usual.json_at_once, _MILLION // 3),)),
    Case("parquet", _MILLION, (("pyarrow.parquet alone", usual.pyarrow_parquet, _MILLION),)),
    Case(
        "xlsx",
        _MILLION,
        (
            ("xlsxwriter constant_memory", usual.xlsxwriter_constant_memory, 100_000),
            ("openpyxl write_only", usual.openpyxl_write_only, 50_000),
        ),
    ),
    Case("html", 200_000, (("html.escape per cell", usual.html_escape, 100_000),)),
    Case("pdf", 100_000, (("ReportLab LongTable", usual.reportlab_table, 5_000),)),
)


@dataclass(frozen=True)
class Measured:
    """The best of the runs of one way to write."""

    rows: int
    size: int
    used: Used

    @property
    def rate(self) -> float:
        return self.rows / self.used.seconds

    @property
    def processor(self) -> float:
        """Seconds of processor for a million rows."""
        return self.used.processor / self.rows * 1e6


def measure(quick: bool) -> str:
    """The section of the document."""
    rendering.preload()
    share, repeats = (10, 1) if quick else (1, 2)
    with TemporaryDirectory(prefix="bench-") as folder:
        place = Path(folder)
        idle = forked(lambda: None).peak
        others = Others()
        cases = [_with_others(case, others, place) for case in _CASES]
        speed = [row for case in cases for row in _compared(case, share, repeats, place)]
        flat = [_flat(format, share, place) for format in _FLAT]
        others.remove()
    absent = [*others.missing, *([] if usual.chromium() else ["There is no Chromium here."])]
    return _section(speed, flat, idle, " ".join(absent))


def _with_others(case: Case, others: Others, folder: Path) -> Case:
    """With what is not everywhere, where it works with a few rows."""
    more: list[tuple[str, Write, int]] = []
    if case.format == "csv" and others.has_pandas:
        more.append(("pandas", others.pandas_csv, _MILLION))
    if case.format in _JSREPORT and others.has_jsreport:
        more.append(("jsreport", others.jsreport(case.format), _JSREPORT[case.format]))
    if case.format == "pdf" and usual.chromium():
        more.append(("Chromium print", usual.chromium_print, _PRINTED))
    return replace(case, usual=(*case.usual, *(one for one in more if _works(case.format, one, others, folder))))


def _works(format: str, one: tuple[str, Write, int], others: Others, folder: Path) -> bool:
    name, write, _ = one
    try:
        _once(write, 10, folder)
    except SystemExit:
        others.missing.append(f"{name} could not write {format} here.")
        return False
    return True


def _compared(case: Case, share: int, repeats: int, folder: Path) -> list[list[str]]:
    """Rows of the table: this engine, then the usual means, all measured in turn."""
    writes = [("**this engine**", _ours(case.format, folder), case.rows), *case.usual]
    runs = [[_once(write, count // share, folder) for _, write, count in writes] for _ in range(repeats)]
    best = [min(found, key=lambda one: one.used.seconds) for found in zip(*runs, strict=True)]
    return [_row(case.format, name, one, best[0]) for (name, _, _), one in zip(writes, best, strict=True)]


def _row(format: str, name: str, one: Measured, ours: Measured) -> list[str]:
    return [
        format,
        name,
        f"{one.rows:,}",
        number(one.used.seconds),
        number(one.rate),
        number(one.size / one.used.seconds / 1e6),
        number(one.processor),
        number(one.used.peak),
        "" if one is ours else times(ours.rate / one.rate),
        "" if one is ours else times(one.processor / ours.processor),
    ]


def _flat(format: str, share: int, folder: Path) -> list[str]:
    few, many = (_once(_ours(format, folder), count * _MILLION // share, folder) for count in (1, 4))
    growth = many.used.peak / few.used.peak
    met = growth <= _FLAT_GOAL and many.used.peak < _PEAK_GOAL
    return [format, number(few.used.peak), number(many.used.peak), times(growth), "met" if met else "**missed**"]


def _ours(format: str, folder: Path) -> Write:
    return lambda count, path: engine.run(rows.spec(format, count, folder), path, lambda rows, size, total: None)


def _once(write: Write, count: int, folder: Path) -> Measured:
    path = folder / "result"
    used = forked(lambda: write(count, path))
    size = path.stat().st_size
    path.unlink()
    return Measured(count, size, used)


def _section(speed: list[list[str]], flat: list[list[str]], idle: float, absent: str) -> str:
    head = ["format", "written by", "rows", "seconds", "rows/s", "MB/s", "CPU s per million rows", "peak MB",
            "this engine is", "CPU it saves"]  # fmt: skip
    flat_head = [
        "format",
        "peak MB, 1 M rows",
        "peak MB, 4 M rows",
        "growth",
        f"≤ {_FLAT_GOAL}x and < {_PEAK_GOAL} MB",
    ]
    return f"""
Eight mixed columns (a date, a time, three texts, two whole numbers, a decimal fraction) of the demo's flights, read
from Parquet by DuckDB. Every run is a process of its own, forked as a worker forks it; the better of two runs counts,
this engine and the usual means in turn. The engine's figure includes what makes a result safe to hand out and the
others do not do: limits and progress after every batch, formula guard, SHA-256 of the file, and waiting until it is on
the disk.
Where the usual means are slow they get fewer rows, and the rates are compared. pandas, jsreport (handlebars, and
html-to-xlsx with cheerio) and Chromium are programs that start first, which is in their figures; jsreport gets its rows
as JSON. {absent}

{table(head, speed)}

How to read it: “this engine is 3x” means that it writes three times as many rows per second; below 1x it is slower. The
column CPU counts the seconds of processor of all threads and hardly changes when the machine is busy with other things;
“CPU it saves 3x” means that the usual means need three times as many. Below 1x is what the safety above costs.

{table(flat_head, flat)}

How to read it: a process that does nothing peaks at {idle:.0f} MB, mostly shared with its parent. A result four times
as large must not need more memory, or one large report would stop the server.
"""
