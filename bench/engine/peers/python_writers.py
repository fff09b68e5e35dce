"""How Python programs usually write these formats. Each function writes this many rows of the flights into a file."""

from __future__ import annotations

import csv
import html
import json
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

import openpyxl
import pyarrow.csv
import pyarrow.parquet
import xlsxwriter
from reportlab.lib.pagesizes import A4, landscape
from reportlab.platypus import LongTable, SimpleDocTemplate

from bench.engine import flights


def csv_module(rows: int, path: Path) -> None:
    write_csv(path, flights.column_names(), chain.from_iterable(flights.batches(rows)))


def write_csv(path: Path, column_names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(column_names)
        writer.writerows(rows)


def pyarrow_csv(rows: int, path: Path) -> None:
    with flights.connect() as database:
        reader = database.sql(flights.literal_query(rows)).to_arrow_reader(100_000)
        with pyarrow.csv.CSVWriter(path, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)


def json_dumps_per_row(rows: int, path: Path) -> None:
    names = flights.column_names()
    with path.open("w") as file:
        for batch in flights.batches(rows):
            for row in batch:
                file.write(json.dumps(dict(zip(names, row, strict=True)), default=str) + "\n")


def json_dump_at_once(rows: int, path: Path) -> None:
    names = flights.column_names()
    objects = [dict(zip(names, row, strict=True)) for batch in flights.batches(rows) for row in batch]
    with path.open("w") as file:
        json.dump(objects, file, default=str)


def pyarrow_parquet(rows: int, path: Path) -> None:
    with flights.connect() as database:
        reader = database.sql(flights.literal_query(rows)).to_arrow_reader(100_000)
        with pyarrow.parquet.ParquetWriter(path, reader.schema, compression="zstd") as writer:
            for batch in reader:
                writer.write_batch(batch)


def openpyxl_write_only(rows: int, path: Path) -> None:
    workbook = openpyxl.Workbook(write_only=True)
    sheet = workbook.create_sheet()
    sheet.append(flights.column_names())
    for batch in flights.batches(rows):
        for row in batch:
            sheet.append(row)
    workbook.save(path)


def xlsxwriter_constant_memory(rows: int, path: Path) -> None:
    write_xlsx(path, chain.from_iterable(flights.batches(rows)))


def write_xlsx(path: Path, rows: Iterable[Sequence[object]]) -> None:
    workbook = xlsxwriter.Workbook(path, {"constant_memory": True, "default_date_format": "yyyy-mm-dd hh:mm:ss"})
    sheet = workbook.add_worksheet()
    for number, row in enumerate(rows):
        sheet.write_row(number, 0, row)
    workbook.close()


def html_escape(rows: int, path: Path) -> None:
    with path.open("w") as file:
        file.write("<table>\n")
        for batch in flights.batches(rows):
            for row in batch:
                cells = "".join(f"<td>{'' if value is None else html.escape(str(value))}</td>" for value in row)
                file.write(f"<tr>{cells}</tr>\n")
        file.write("</table>\n")


def reportlab_table(rows: int, path: Path) -> None:
    texts = [[str(value) for value in row] for batch in flights.batches(rows) for row in batch]
    table = LongTable([flights.column_names(), *texts], repeatRows=1)
    SimpleDocTemplate(str(path), pagesize=landscape(A4)).build([table])
