"""Build the demo's data files from the CSV files of the nycflights13 data set.

Usage: python demo/build_data.py FOLDER_WITH_CSV_FILES [OUTPUT_FOLDER]

The folder holds flights.csv (or flights.csv.zip), airlines.csv, airports.csv, planes.csv and weather.csv.
The script uses no network. It compares the files with the CSV files, and stops at the first difference.
"""

from __future__ import annotations

import argparse
import csv
import io
import sqlite3
import sys
import zipfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

I8, I16, F64, TEXT, UTC = pa.int8(), pa.int16(), pa.float64(), pa.string(), pa.timestamp("us", tz="UTC")

SCHEMAS = {
    "flights": pa.schema(
        {
            "year": I16,
            "month": I8,
            "day": I8,
            "dep_time": I16,
            "sched_dep_time": I16,
            "dep_delay": I16,
            "arr_time": I16,
            "sched_arr_time": I16,
            "arr_delay": I16,
            "carrier": TEXT,
            "flight": I16,
            "tailnum": TEXT,
            "origin": TEXT,
            "dest": TEXT,
            "air_time": I16,
            "distance": I16,
            "hour": I8,
            "minute": I8,
            "time_hour": UTC,
        }
    ),
    "airlines": pa.schema({"carrier": TEXT, "name": TEXT}),
    "airports": pa.schema(
        {"faa": TEXT, "name": TEXT, "lat": F64, "lon": F64, "alt": I16, "tz": I8, "dst": TEXT, "tzone": TEXT}
    ),
    "planes": pa.schema(
        {
            "tailnum": TEXT,
            "year": I16,
            "type": TEXT,
            "manufacturer": TEXT,
            "model": TEXT,
            "engines": I8,
            "seats": I16,
            "speed": I16,
            "engine": TEXT,
        }
    ),
    "weather": pa.schema(
        {
            "origin": TEXT,
            "year": I16,
            "month": I8,
            "day": I8,
            "hour": I8,
            "temp": F64,
            "dewp": F64,
            "humid": F64,
            "wind_dir": I16,
            "wind_speed": F64,
            "wind_gust": F64,
            "precip": F64,
            "pressure": F64,
            "visib": F64,
            "time_hour": UTC,
        }
    ),
}
ROWS = {"flights": 336_776, "airlines": 16, "airports": 1_458, "planes": 3_322, "weather": 26_115}
SORTED_BY = {
    "flights": ["flight_date", "origin", "sched_dep_time", "carrier", "flight"],
    "airlines": ["carrier"],
    "airports": ["faa"],
    "planes": ["tailnum"],
    "weather": ["origin", "time_hour"],
}
SQLITE_SCHEMA = """
create table airlines (carrier text primary key, name text not null) without rowid;
create table airports (
    faa text primary key, name text not null, lat real not null, lon real not null,
    alt integer not null, tz integer not null, dst text not null, tzone text
) without rowid;
create index airports_name on airports (name collate nocase);
create index airports_tzone on airports (tzone);
"""


def csv_bytes(folder: Path, table: str) -> bytes:
    plain = folder / f"{table}.csv"
    if plain.exists():
        return plain.read_bytes()
    with zipfile.ZipFile(folder / f"{table}.csv.zip") as archive:
        return archive.read(f"{table}.csv")


def read_table(data: bytes, name: str) -> pa.Table:
    """Read the CSV with exact types and NULL for NA, and sort it. Flights also get a flight_date."""
    schema = SCHEMAS[name]
    options = pa_csv.ConvertOptions(
        column_types=schema,
        include_columns=schema.names,
        null_values=["NA"],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    table = pa_csv.read_csv(pa.BufferReader(data), convert_options=options)
    if name == "flights":
        table = table.add_column(0, "flight_date", flight_dates(table))
    return table.sort_by([(column, "ascending") for column in SORTED_BY[name]])


def flight_dates(table: pa.Table) -> pa.ChunkedArray:
    padded = [pc.utf8_lpad(pc.cast(table[part], TEXT), 2, "0") for part in ("year", "month", "day")]
    return pc.cast(pc.binary_join_element_wise(*padded, "-"), pa.date32())


def check(data: bytes, name: str, table: pa.Table) -> None:
    """Compare the table with the CSV as Python's csv module reads it: rows, and each column's NULLs and values."""
    records = list(csv.DictReader(io.StringIO(data.decode("utf-8"))))
    if not len(records) == table.num_rows == ROWS[name]:
        raise SystemExit(f"{name}: {len(records)} rows in the CSV, {table.num_rows} read, {ROWS[name]} expected.")
    for field in SCHEMAS[name]:
        present = [record[field.name] for record in records if record[field.name] != "NA"]
        column = table[field.name]
        if len(present) != len(column) - column.null_count:
            raise SystemExit(f"{name}.{field.name}: the number of NULLs differs from the CSV.")
        if pa.types.is_integer(field.type) and sum(map(int, present)) != pc.sum(column).as_py():
            raise SystemExit(f"{name}.{field.name}: the sum differs from the CSV.")
        if Counter(map(as_python(field.type), present)) != Counter(column.drop_null().to_pylist()):
            raise SystemExit(f"{name}.{field.name}: values differ from the CSV.")


def as_python(kind: pa.DataType) -> Callable[[str], object]:
    if pa.types.is_integer(kind):
        return int
    if pa.types.is_floating(kind):
        return float
    return datetime.fromisoformat if pa.types.is_timestamp(kind) else str


def write_parquet(table: pa.Table, path: Path) -> None:
    texts = [field.name for field in table.schema if pa.types.is_string(field.type)]
    pq.write_table(
        table, path, compression="zstd", compression_level=19, use_dictionary=texts or False, row_group_size=65_536
    )
    if not pq.read_table(path).equals(table):
        raise SystemExit(f"{path.name}: the file read back differs from the table.")


def write_sqlite(tables: dict[str, pa.Table], path: Path) -> None:
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as database:
        database.executescript(SQLITE_SCHEMA)
        for name in ("airlines", "airports"):
            rows = [tuple(row.values()) for row in tables[name].to_pylist()]
            marks = ", ".join("?" * tables[name].num_columns)
            database.executemany(f"insert into {name} values ({marks})", rows)  # noqa: S608 -- constant names
        database.commit()
        database.execute("analyze")
        database.execute("vacuum")


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the demo's data files from the CSV files of nycflights13.")
    parser.add_argument("csv_folder", type=Path)
    parser.add_argument("output", type=Path, nargs="?", default=Path(__file__).parent / "data")
    options = parser.parse_args()
    (options.output / "flights").mkdir(parents=True, exist_ok=True)

    tables, written = {}, []
    for name in SCHEMAS:
        data = csv_bytes(options.csv_folder, name)
        tables[name] = read_table(data, name)
        check(data, name, tables[name])
        written.append(options.output / "flights" / f"{name}.parquet")
        write_parquet(tables[name], written[-1])
    written.append(options.output / "airports.db")
    write_sqlite(tables, written[-1])
    for path in written:
        sys.stdout.write(f"{path.stat().st_size:>10,} bytes  {path.name}\n")


if __name__ == "__main__":
    main()
