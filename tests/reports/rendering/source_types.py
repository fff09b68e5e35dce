"""Every type of every source: how to create a value of it, and what a reader of each format finds."""

from __future__ import annotations

import datetime as dt
import json
import re
from base64 import b64encode
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

_EXCEL_DIGITS = 15


@dataclass(frozen=True)
class Value:
    """A value of a type of a source.

    What readers of the other formats find follows from `kind` and `csv` by the rules of docs/formats.md.
    """

    type: str
    #: As SQL.
    value: str
    #: How readers see it, such as integer or timestamp.
    kind: str
    csv: str
    #: DuckDB's text of the value in a Parquet file, if it isn't that of csv.
    parquet: str | None = None
    #: As html, pdf and xlsx show it, if that doesn't follow from csv.
    shown: str | None = None

    @property
    def json(self) -> Any:
        """Numbers with all their digits, as Decimal or int."""
        if self.kind in ("integer", "decimal", "float"):
            return json.loads(self.csv, parse_float=Decimal)
        if self.kind == "boolean":
            return self.csv == "true"
        if self.kind == "binary":
            return b64encode(bytes.fromhex(self.csv)).decode()
        return json.loads(self.csv, parse_float=Decimal) if self.kind == "nested" else self.csv

    @property
    def xlsx(self) -> Any:
        """As openpyxl reads it."""
        if self.kind == "boolean":
            return self.csv == "true"
        if self.kind == "float":
            return float(self.csv)
        if self.kind in ("integer", "decimal"):
            return float(self.csv) if sum(map(str.isdigit, self.csv)) <= _EXCEL_DIGITS else self.csv
        if self.kind == "time":
            # The file has microseconds. openpyxl rounds down to milliseconds.
            exact = dt.time.fromisoformat(self.csv)
            return exact.replace(microsecond=exact.microsecond // 1000 * 1000)
        if self.kind in ("date", "timestamp"):
            return dt.datetime.fromisoformat(self.csv.removesuffix("Z"))
        return self.shown or self.csv

    @property
    def html(self) -> str:
        return self.csv.replace("T", " ", 1) if self.kind == "timestamp" else self.shown or self.csv

    @property
    def pdf(self) -> str:
        """Without a fraction that is zero."""
        return re.sub(r"\.0+(Z?)$", r"\1", self.html) if self.kind == "timestamp" else self.html

    @property
    def parquet_text(self) -> str:
        """As DuckDB reads it from a Parquet file, and casts it to text."""
        if self.parquet is not None:
            return self.parquet
        return self.csv.replace("T", " ", 1) if self.kind == "timestamp" else self.csv


TEXT = 'Ж 中 "a", b; <c>'
_TEXT_SQL = "'Ж 中 \"a\", b; <c>'"
_INTEGER, _DECIMAL = "9223372036854775807", "1234567890123456789012345678.1234567891"

SQLITE = [
    Value("integer", _INTEGER, "integer", _INTEGER),
    Value("real", "0.1", "float", "0.1"),
    Value("text", _TEXT_SQL, "text", TEXT),
    Value("blob", "x'00ff'", "binary", "00ff", "\\x00\\xFF"),
]

_DUCKDB_AND_PARQUET = [
    Value("boolean", "true", "boolean", "true"),
    Value("tinyint", "-128", "integer", "-128"),
    Value("smallint", "-32768", "integer", "-32768"),
    Value("integer", "-2147483648", "integer", "-2147483648"),
    Value("bigint", _INTEGER, "integer", _INTEGER),
    Value("utinyint", "255", "integer", "255"),
    Value("usmallint", "65535", "integer", "65535"),
    Value("uinteger", "4294967295", "integer", "4294967295"),
    Value("ubigint", "18446744073709551615", "integer", "18446744073709551615"),
    Value("float", "0.1", "float", "0.1"),
    Value("double", "0.1", "float", "0.1"),
    Value("decimal(4,1)", "-123.4", "decimal", "-123.4"),
    Value("decimal(38,10)", _DECIMAL, "decimal", _DECIMAL),
    Value("varchar", _TEXT_SQL, "text", TEXT),
    Value("blob", "'\\x00\\xFF'::blob", "binary", "00ff", "\\x00\\xFF"),
    Value("date", "'2024-02-29'", "date", "2024-02-29"),
    Value("time", "'23:59:59.123456'", "time", "23:59:59.123456"),
    Value("timestamp", "'2024-02-29 10:00:00.5'", "timestamp", "2024-02-29T10:00:00.500000", "2024-02-29 10:00:00.5"),
    Value("timestamp_ns", "'2024-02-29 10:00:00'", "timestamp", "2024-02-29T10:00:00.000000000", "2024-02-29 10:00:00"),
    Value("timestamptz", "'2024-02-29 10:00:00+02'", "timestamp", "2024-02-29T08:00:00.000000Z",
          "2024-02-29 08:00:00+00"),
    Value("interval", "interval '14 months 3 days 1.5 seconds'", "text", "P14M3DT1.5S",
          shown="1 year 2 months 3 days 0:00:01.5"),
    Value("uuid", "'00112233-4455-6677-8899-aabbccddeeff'", "text", "00112233-4455-6677-8899-aabbccddeeff"),
    Value("integer[]", "[1, null]", "nested", "[1,null]", "[1, NULL]"),
    Value("struct(a integer, b varchar)", "{'a': 1, 'b': 'x'}", "nested", '{"a":1,"b":"x"}', "{'a': 1, 'b': x}"),
    Value("map(varchar, integer)", "map {'k': 1}", "nested", '{"k":1}', "{k=1}"),
    Value("json", "'{\"a\": 1}'", "text", '{"a": 1}'),
    Value("enum('a','b')", "'b'", "text", "b"),
]  # fmt: skip
_MILLISECONDS = ("timestamp_ms", "'2024-02-29 10:00:00.5'", "timestamp")
#: DuckDB reads them as microseconds.
_PARQUET_ONLY = [Value(*_MILLISECONDS, "2024-02-29T10:00:00.500000", "2024-02-29 10:00:00.5")]
#: Types that a Parquet file can't store.
_DUCKDB_ONLY = [
    Value(*_MILLISECONDS, "2024-02-29T10:00:00.500", "2024-02-29 10:00:00.5"),
    Value("hugeint", "170141183460469231731687303715884105727", "decimal", "170141183460469231731687303715884105727"),
    Value("timestamp_s", "'2024-02-29 10:00:00'", "timestamp", "2024-02-29T10:00:00"),
    Value("uhugeint", "340282366920938463463374607431768211455", "text", "340282366920938463463374607431768211455"),
    Value("bignum", "'12345678901234567890123456789012345678901'", "text", "12345678901234567890123456789012345678901"),
    Value("bit", "'101'", "text", "101"),
    Value("bit[]", "['101']", "text", "[101]"),
    Value("timetz", "'10:00:00+02'", "text", "10:00:00+02"),
    Value("struct(a timetz)", "{'a': '10:00:00+02'}", "text", "{'a': '10:00:00+02'}"),
]

POSTGRESQL = [
    Value("boolean", "true", "boolean", "true"),
    Value("smallint", "-32768", "integer", "-32768"),
    Value("integer", "-2147483648", "integer", "-2147483648"),
    Value("bigint", _INTEGER, "integer", _INTEGER),
    Value("oid", "4294967295", "integer", "4294967295"),
    Value("real", "0.1", "float", "0.1"),
    Value("double precision", "0.1", "float", "0.1"),
    Value("numeric(4,1)", "-123.4", "decimal", "-123.4"),
    Value("numeric", _DECIMAL, "decimal", _DECIMAL),
    Value("money", "'1234.50'", "decimal", "1234.50"),
    Value("text", _TEXT_SQL, "text", TEXT),
    Value("varchar(20)", _TEXT_SQL, "text", TEXT),
    Value("char(3)", "'ab'", "text", "ab "),
    Value("bytea", "'\\x00ff'", "binary", "00ff", "\\x00\\xFF"),
    Value("date", "'2024-02-29'", "date", "2024-02-29"),
    Value("time", "'23:59:59.123456'", "time", "23:59:59.123456"),
    Value("timetz", "'10:00:00+02'", "text", "10:00:00+02"),
    Value("timestamp", "'2024-02-29 10:00:00.5'", "timestamp", "2024-02-29T10:00:00.500000", "2024-02-29 10:00:00.5"),
    Value("timestamptz", "'2024-02-29 10:00:00+02'", "timestamp", "2024-02-29T08:00:00.000000Z",
          "2024-02-29 08:00:00+00"),
    Value("interval", "'14 months -3 days 1.5 seconds'", "text", "1 year 2 mons -3 days +00:00:01.5"),
    Value("uuid", "'00112233-4455-6677-8899-aabbccddeeff'", "text", "00112233-4455-6677-8899-aabbccddeeff"),
    Value("json", "'{\"a\": 1}'", "text", '{"a": 1}'),
    Value("jsonb", "'{\"a\":1}'", "text", '{"a": 1}'),
    Value("integer[]", "'{1,null}'", "nested", "[1,null]", "[1, NULL]"),
    Value("text[]", "array['a','b c']", "nested", '["a","b c"]', "[a, b c]"),
    Value("numeric[]", "'{1.5}'", "text", "{1.5}"),
    Value("inet", "'192.0.2.1'", "text", "192.0.2.1/32"),
    Value("bit(3)", "'101'", "text", "101"),
    Value("int4range", "'[1,5)'", "text", "[1,5)"),
    Value("mood", "'sad'", "text", "sad"),
]  # fmt: skip

MARIADB = [
    Value("boolean", "true", "integer", "1"),
    Value("tinyint unsigned", "255", "integer", "255"),
    Value("smallint", "-32768", "integer", "-32768"),
    Value("mediumint", "-8388608", "integer", "-8388608"),
    Value("int", "-2147483648", "integer", "-2147483648"),
    Value("bigint", _INTEGER, "integer", _INTEGER),
    Value("bigint unsigned", "18446744073709551615", "integer", "18446744073709551615"),
    Value("float", "0.5", "float", "0.5"),
    Value("double", "0.1", "float", "0.1"),
    Value("decimal(4,1)", "-123.4", "decimal", "-123.4"),
    Value("decimal(38,10)", _DECIMAL, "decimal", _DECIMAL),
    Value("varchar(50)", _TEXT_SQL, "text", TEXT),
    Value("char(3)", "'ab'", "text", "ab"),
    Value("longtext", _TEXT_SQL, "text", TEXT),
    Value("varbinary(9)", "x'00ff'", "binary", "00ff", "\\x00\\xFF"),
    Value("blob", "x'00ff'", "binary", "00ff", "\\x00\\xFF"),
    Value("bit(9)", "b'101010101'", "binary", "0155", "\\x01U"),
    Value("date", "'2024-02-29'", "date", "2024-02-29"),
    Value("time", "'23:59:59'", "time", "23:59:59"),
    Value("time(6)", "'23:59:59.123456'", "time", "23:59:59.123456"),
    Value("datetime", "'2024-02-29 10:00:00'", "timestamp", "2024-02-29T10:00:00"),
    Value("datetime(6)", "'2024-02-29 10:00:00.5'", "timestamp", "2024-02-29T10:00:00.500000",
          "2024-02-29 10:00:00.5"),
    Value("timestamp null", "'2024-02-29 10:00:00'", "timestamp", "2024-02-29T10:00:00"),
    Value("year", "2024", "integer", "2024"),
    Value("json", "'{\"a\": 1}'", "text", '{"a": 1}'),
    Value("enum('a','b')", "'b'", "text", "b"),
    Value("set('a','b')", "'a,b'", "text", "a,b"),
    Value("uuid", "'00112233-4455-6677-8899-aabbccddeeff'", "text", "00112233-4455-6677-8899-aabbccddeeff"),
    Value("inet6", "'2001:db8::1'", "text", "2001:db8::1"),
]  # fmt: skip

TYPES = {
    "sqlite": SQLITE,
    "files": _DUCKDB_AND_PARQUET + _PARQUET_ONLY,
    "duckdb": _DUCKDB_AND_PARQUET + _DUCKDB_ONLY,
    "postgresql": POSTGRESQL,
    "sql": MARIADB,
}


def statements(types: list[Value]) -> list[str]:
    """SQL that creates a table with a column of each type, a row of values, and a row of NULLs."""
    columns = ", ".join(f"c{number} {column.type}" for number, column in enumerate(types))
    values, nulls = ", ".join(column.value for column in types), ", ".join("null" for _ in types)
    return [
        f"create table every_type (n integer, {columns})",
        f"insert into every_type values (1, {values})",
        f"insert into every_type values (2, {nulls})",
    ]
