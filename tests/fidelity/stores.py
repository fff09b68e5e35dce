"""Tables in real sources: how the oracle's values get there, by other means than those that read them."""

from __future__ import annotations

import gzip
import json
import math
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import psycopg
import pyarrow.parquet as pq
import pymysql

from reports.sources.base import SourceSpec
from tests.fidelity.arrow_arrays import arrow_table
from tests.fidelity.calendar_text import date_text, time_text, timestamp_text
from tests.fidelity.literals import duckdb_literal, postgresql_literal
from tests.fidelity.tables import Kind, Table, Type


@dataclass
class Places:
    """Where sources are created: a folder, and the URLs of servers."""

    folder: Path
    postgres_url: str | None = None
    mariadb_url: str | None = None

    def fresh(self, name: str) -> Path:
        """An empty folder. The one of the previous case is removed."""
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder


def create(source: str, table: Table, places: Places) -> tuple[SourceSpec, str]:
    """Create the table in the source. Returns how to read it, and the query that does."""
    spec = _CREATE[source](table, places)
    heading = _mysql_name if source == "mariadb" else _name
    columns = "".join(f", c{number} as {heading(name)}" for number, name in enumerate(table.names))
    where = " where n >= 0" if table.filler else ""
    return spec, f"select n{columns} from t{where} order by n"


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _mysql_name(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _columns(table: Table) -> str:
    return "".join(f", c{number} {type.sql}" for number, type in enumerate(table.types))


def _insert(table: Table, literal: Callable[[Type, Any], str]) -> list[str]:
    rows = [
        f"({number}" + "".join(f", {literal(type, value)}" for type, value in zip(table.types, row, strict=True)) + ")"
        for number, row in enumerate(table.rows)
    ]
    return [f"insert into t values {', '.join(rows)}"] if rows else []


# ---- databases


def _sqlite(table: Table, places: Places) -> SourceSpec:
    path = places.fresh("sqlite") / "t.db"
    marks = ", ".join("?" for _ in range(len(table.types) + 1))
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("create table t (n integer" + "".join(f", c{n}" for n in range(len(table.types))) + ")")
        database.executemany(f"insert into t values ({marks})", [(n, *row) for n, row in enumerate(table.rows)])
    return SourceSpec(kind="sqlite", location=str(path))


def _duckdb(table: Table, places: Places) -> SourceSpec:
    path = places.fresh("duckdb") / "t.duckdb"
    with duckdb.connect(path) as database:
        database.execute("set timezone = 'UTC'")
        for statement in (f"create table t (n integer{_columns(table)})", *_insert(table, duckdb_literal)):
            database.execute(statement)
        _note_server_texts(table, lambda sql: database.execute(sql).fetchall())
    return SourceSpec(kind="duckdb", location=str(path))


def _postgresql(table: Table, places: Places) -> SourceSpec:
    assert places.postgres_url is not None
    with psycopg.connect(places.postgres_url, autocommit=True) as connection:
        create = f"create table t (n integer{_columns(table)})"
        for statement in ("drop table if exists t", create, *_insert(table, postgresql_literal)):
            connection.execute(statement.encode())
        _note_server_texts(table, lambda sql: connection.execute(sql.encode()).fetchall())
    return SourceSpec(kind="postgresql", location=places.postgres_url)


def _becomes_text(type: Type, value: Any) -> bool:
    """Whether the value makes its column the server's text."""
    if type.kind is Kind.SERVER_TEXT:
        return True
    if type.kind is Kind.LIST:
        # An array of several dimensions.
        (part,) = type.parts
        return value is not None and (
            (type.rectangular and part.kind is Kind.LIST) or any(_becomes_text(part, item) for item in value)
        )
    # Arrow counts microseconds from 1970 and PostgreSQL from 2000.
    return type.kind is Kind.TIMESTAMP and value is not None and 2**63 <= value * 10 ** (6 - type.unit) < math.inf


def _note_server_texts(table: Table, fetch: Callable[[str], list[Any]]) -> None:
    for column, type in enumerate(table.types):
        if any(_becomes_text(type, row[column]) for row in table.rows):
            for row, (text,) in enumerate(fetch(f"select c{column}::text from t order by n")):
                table.server_texts[row, column] = text


def _mariadb(table: Table, places: Places) -> SourceSpec:
    assert places.mariadb_url is not None
    server = {"host": "127.0.0.1", "port": urlsplit(places.mariadb_url).port, "user": "root", "database": "reports"}
    marks = ", ".join("%s" for _ in range(len(table.types) + 1))
    with pymysql.connect(**server, autocommit=True, charset="utf8mb4") as connection, connection.cursor() as cursor:
        cursor.execute("drop table if exists t")
        # Without transactions, creating and dropping a table takes a tenth of the time.
        cursor.execute(f"create table t (n integer{_columns(table)}) engine = MyISAM")
        for number, row in enumerate(table.rows):
            values = [_mariadb_value(type, value) for type, value in zip(table.types, row, strict=True)]
            cursor.execute(f"insert into t values ({marks})", [number, *values])
    return SourceSpec(kind="sql", location=places.mariadb_url)


def _mariadb_value(type: Type, value: Any) -> Any:
    if value is None or type.kind in (Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL, Kind.BINARY, Kind.TEXT):
        return value
    if type.kind is Kind.DATE:
        return date_text(value)
    if type.kind is Kind.TIME:
        return time_text(value, type.unit)
    return timestamp_text(value, type.unit, separator=" ") if type.kind is Kind.TIMESTAMP else str(value)


# ---- files


def _parquet(table: Table, places: Places) -> SourceSpec:
    path = places.fresh("parquet") / "t.parquet"
    pq.write_table(arrow_table(table), path)
    return SourceSpec(kind="files", location=str(path))


def _csv(table: Table, places: Places) -> SourceSpec:
    """Quotes only where they are needed, as most programs write it; an empty text is "" and NULL is empty."""
    header = ",".join(["n", *(f"c{number}" for number in range(len(table.types)))])
    lines = [[_csv_field(type, value) for type, value in zip(table.types, row, strict=True)] for row in table.rows]
    numbered = [",".join([str(number), *fields]) for number, fields in _with_filler(table, lines)]
    return _text_file(places, "csv", "\r\n".join([header, *numbered, ""]), table)


def _csv_field(type: Type, value: Any) -> str:
    if value is None:
        return ""
    text = file_text(type, value)
    return '"' + text.replace('"', '""') + '"' if text == "" or set(text) & set(',"\r\n') else text


def file_text(type: Type, value: Any) -> str:
    """The text of a value in a file that has only texts."""
    if type.kind is Kind.NUMERIC:
        return format(value, "f")
    if type.kind is Kind.BOOLEAN:
        return "true" if value else "false"
    if type.kind is Kind.DATE:
        return date_text(value)
    return timestamp_text(value, type.unit, separator=" ") if type.kind is Kind.TIMESTAMP else str(value)


def _ndjson(table: Table, places: Places) -> SourceSpec:
    return _text_file(places, "ndjson", "\n".join([*_json_objects(table), ""]), table)


def _json(table: Table, places: Places) -> SourceSpec:
    return _text_file(places, "json", f"[{','.join(_json_objects(table))}]", table)


def _json_objects(table: Table) -> list[str]:
    rows = [
        [f',"c{n}":{_json_text(type, value)}' for n, (type, value) in enumerate(zip(table.types, row, strict=True))]
        for row in table.rows
    ]
    return [f'{{"n":{number}{"".join(fields)}}}' for number, fields in _with_filler(table, rows)]


def _json_text(type: Type, value: Any) -> str:
    if value is None:
        return "null"
    if type.kind is Kind.LIST:
        return f"[{','.join(_json_text(type.parts[0], item) for item in value)}]"
    if type.kind is Kind.STRUCT:
        triples = zip(type.names, type.parts, value, strict=True)
        return f"{{{','.join(f'{json.dumps(name)}:{_json_text(part, item)}' for name, part, item in triples)}}}"
    return format(value, "f") if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


def _with_filler(table: Table, rows: list[list[str]]) -> list[tuple[int, list[str]]]:
    """The rows with their numbers; negative ones are not part of the result."""
    filler = [(-1, rows[0])] * table.filler if rows else []
    return [*filler, *enumerate(rows)]


def _text_file(places: Places, extension: str, text: str, table: Table) -> SourceSpec:
    data = text.encode()
    # Every second file is compressed.
    compressed = len(data) % 2 == 0
    path = places.fresh(extension) / f"t.{extension}{'.gz' if compressed else ''}"
    path.write_bytes(gzip.compress(data, 1) if compressed else data)
    return SourceSpec(kind="files", location=str(path))


_CREATE: dict[str, Callable[[Table, Places], SourceSpec]] = {
    "sqlite": _sqlite,
    "duckdb": _duckdb,
    "postgresql": _postgresql,
    "mariadb": _mariadb,
    "csv": _csv,
    "ndjson": _ndjson,
    "json": _json,
    "parquet": _parquet,
}
