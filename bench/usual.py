"""The usual means to write the same rows, to compare with. Each takes the rows and the file's path."""

from __future__ import annotations

import csv
import html
import json
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import openpyxl
import pyarrow.csv
import pyarrow.parquet
import xlsxwriter
from reportlab.lib.pagesizes import A4, landscape
from reportlab.platypus import LongTable, SimpleDocTemplate

from bench import rows as source


def csv_module(rows: int, path: Path) -> None:
    write_csv(path, source.names(), chain.from_iterable(source.tuples(rows)))


def write_csv(path: Path, names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(names)
        writer.writerows(rows)


def pyarrow_csv(rows: int, path: Path) -> None:
    with source.connection() as database:
        reader = database.sql(source.plain_query(rows)).to_arrow_reader(100_000)
        with pyarrow.csv.CSVWriter(path, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)


def json_per_row(rows: int, path: Path) -> None:
    names = source.names()
    with path.open("w") as out:
        for some in source.tuples(rows):
            for row in some:
                out.write(json.dumps(dict(zip(names, row, strict=True)), default=str) + "\n")


def json_at_once(rows: int, path: Path) -> None:
    names = source.names()
    every = [dict(zip(names, row, strict=True)) for some in source.tuples(rows) for row in some]
    with path.open("w") as out:
        json.dump(every, out, default=str)


def pyarrow_parquet(rows: int, path: Path) -> None:
    with source.connection() as database:
        reader = database.sql(source.plain_query(rows)).to_arrow_reader(100_000)
        with pyarrow.parquet.ParquetWriter(path, reader.schema, compression="zstd") as writer:
            for batch in reader:
                writer.write_batch(batch)


def openpyxl_write_only(rows: int, path: Path) -> None:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(source.names())
    for some in source.tuples(rows):
        for row in some:
            sheet.append(row)
    book.save(path)


def xlsxwriter_constant_memory(rows: int, path: Path) -> None:
    write_xlsx(path, chain.from_iterable(source.tuples(rows)))


def write_xlsx(path: Path, rows: Iterable[Sequence[object]]) -> None:
    book = xlsxwriter.Workbook(path, {"constant_memory": True, "default_date_format": "yyyy-mm-dd hh:mm:ss"})
    sheet = book.add_worksheet()
    for number, row in enumerate(rows):
        sheet.write_row(number, 0, row)
    book.close()


def html_escape(rows: int, path: Path) -> None:
    with path.open("w") as out:
        out.write("<table>\n")
        for some in source.tuples(rows):
            for row in some:
                cells = "".join(f"<td>{'' if value is None else html.escape(str(value))}</td>" for value in row)
                out.write(f"<tr>{cells}</tr>\n")
        out.write("</table>\n")


def reportlab_table(rows: int, path: Path) -> None:
    every = [[str(value) for value in row] for some in source.tuples(rows) for row in some]
    SimpleDocTemplate(str(path), pagesize=landscape(A4)).build([LongTable([source.names(), *every], repeatRows=1)])


def chromium_print(rows: int, path: Path) -> None:
    """The table as HTML, printed by Chromium; what the browser keeps goes with the page's folder."""
    with TemporaryDirectory(prefix="bench-print-") as folder:
        page = Path(folder) / "page.html"
        html_escape(rows, page)
        command = [
            str(chromium()), "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer",
            f"--user-data-dir={folder}/profile", f"--print-to-pdf={path}", page.as_uri(),
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True)


def chromium() -> str | None:
    """The browser's program, or None where there is none."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
