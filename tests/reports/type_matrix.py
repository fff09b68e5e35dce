"""Every type of every source: how it is made, and what a reader of each format should find."""

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
class Typed:
    """A column: its type in the source's words, a value of it, what it is to a reader, and its text in csv.

    The other formats' values follow from these two by the rules of docs/formats.md; `parquet` is DuckDB's text of a
    value that is stored in Parquet's own way.
    """

    type: str
    value: str
    kind: str
    csv: str
    parquet: str | None = None

    @property
    def json(self) -> Any:
        """Numbers with all their digits as Decimal or int."""
        if self.kind in ("integer", "decimal", "float"):
            return json.loads(self.csv, parse_float=Decimal)
        if self.kind == "boolean":
            return self.csv == "true"
        if self.kind == "binary":
            return b64encode(bytes.fromhex(self.csv)).decode()
        return json.loads(self.csv, parse_float=Decimal) if self.kind == "nested" else self.csv

    @property
    def xlsx(self) -> Any:
        """What openpyxl reads."""
        if self.kind == "boolean":
            return self.csv == "true"
        if self.kind == "float":
            return float(self.csv)
        if self.kind in ("integer", "decimal"):
            return float(self.csv) if sum(map(str.isdigit, self.csv)) <= _EXCEL_DIGITS else self.csv
        if self.kind == "time":
            # The file has the microseconds, of which openpyxl keeps the thousands.
            exact = dt.time.fromisoformat(self.csv)
            return exact.replace(microsecond=exact.microsecond // 1000 * 1000)
        if self.kind in ("date", "timestamp"):
            return dt.datetime.fromisoformat(self.csv.removesuffix("Z"))
        return self.csv

    @property
    def html(self) -> str:
        return self.csv.replace("T", " ", 1) if self.kind == "timestamp" else self.csv

    @property
    def pdf(self) -> str:
        """Without the zeros of a fraction that is zero."""
        return re.sub(r"\.0+(Z?)$", r"\1", self.html) if self.kind == "timestamp" else self.html

    @property
    def in_parquet(self) -> str:
        """What DuckDB makes of it as text."""
        if self.parquet is not None:
            return self.parquet
        return self.csv.replace("T", " ", 1) if self.kind == "timestamp" else self.csv


TEXT = 'Ж 中 "a", b; <c>'
_TEXT_SQL = "'Ж 中 \"a\", b; <c>'"
_INTEGER, _DECIMAL = "9223372036854775807", "1234567890123456789012345678.1234567891"

SQLITE = [
    Typed("integer", _INTEGER, "integer", _INTEGER),
    Typed("real", "0.1", "float", "0.1"),
    Typed("text", _TEXT_SQL, "text", TEXT),
    Typed("blob", "x'00ff'", "binary", "00ff", "\\x00\\xFF"),
]

_DUCKDB_AND_PARQUET = [
    Typed("boolean", "true", "boolean", "true"),
    Typed("tinyint", "-128", "integer", "-128"),
    Typed("smallint", "-32768", "integer", "-32768"),
    Typed("integer", "-2147483648", "integer", "-2147483648"),
    Typed("bigint", _INTEGER, "integer", _INTEGER),
    Typed("utinyint", "255", "integer", "255"),
    Typed("usmallint", "65535", "integer", "65535"),
    Typed("uinteger", "4294967295", "integer", "4294967295"),
    Typed("ubigint", "18446744073709551615", "integer", "18446744073709551615"),
    Typed("float", "0.1", "float", "0.1"),
    Typed("double", "0.1", "float", "0.1"),
    Typed("decimal(4,1)", "-123.4", "decimal", "-123.4"),
    Typed("decimal(38,10)", _DECIMAL, "decimal", _DECIMAL),
    Typed("varchar", _TEXT_SQL, "text", TEXT),
    Typed("blob", "'\\x00\\xFF'::blob", "binary", "00ff", "\\x00\\xFF"),
    Typed("date", "'2024-02-29'", "date", "2024-02-29"),
    Typed("time", "'23:59:59.123456'", "time", "23:59:59.123456"),
    Typed("timestamp", "'2024-02-29 10:00:00.5'", "timestamp", "2024-02-29T10:00:00.500000", "2024-02-29 10:00:00.5"),
    Typed("timestamp_ns", "'2024-02-29 10:00:00'", "timestamp", "2024-02-29T10:00:00.000000000", "2024-02-29 10:00:00"),
    Typed("timestamptz", "'2024-02-29 10:00:00+02'", "timestamp", "2024-02-29T08:00:00.000000Z",
          "2024-02-29 08:00:00+00"),
    Typed("interval", "interval '14 months 3 days 1.5 seconds'", "text", "P14M3DT1.5S"),
    Typed("uuid", "'00112233-4455-6677-8899-aabbccddeeff'", "text", "00112233-4455-6677-8899-aabbccddeeff"),
    Typed("integer[]", "[1, null]", "nested", "[1,null]", "[1, NULL]"),
    Typed("struct(a integer, b varchar)", "{'a': 1, 'b': 'x'}", "nested", '{"a":1,"b":"x"}', "{'a': 1, 'b': x}"),
    Typed("map(varchar, integer)", "map {'k': 1}", "nested", '{"k":1}', "{k=1}"),
    Typed("json", "'{\"a\": 1}'", "text", '{"a": 1}'),
    Typed("enum('a','b')", "'b'", "text", "b"),
]  # fmt: skip
_MILLISECONDS = ("timestamp_ms", "'2024-02-29 10:00:00.5'", "timestamp")
#: DuckDB reads them as microseconds.
_PARQUET_ONLY = [Typed(*_MILLISECONDS, "2024-02-29T10:00:00.500000", "2024-02-29 10:00:00.5")]
#: What a Parquet file has no place for.
_DUCKDB_ONLY = [
    Typed(*_MILLISECONDS, "2024-02-29T10:00:00.500", "2024-02-29 10:00:00.5"),
    Typed("hugeint", "170141183460469231731687303715884105727", "decimal", "170141183460469231731687303715884105727"),
    Typed("timestamp_s", "'2024-02-29 10:00:00'", "timestamp", "2024-02-29T10:00:00"),
    Typed("uhugeint", "340282366920938463463374607431768211455", "text", "340282366920938463463374607431768211455"),
    Typed("bignum", "'12345678901234567890123456789012345678901'", "text", "12345678901234567890123456789012345678901"),
    Typed("bit", "'101'", "text", "101"),
    Typed("bit[]", "['101']", "text", "[101]"),
    Typed("timetz", "'10:00:00+02'", "text", "10:00:00+02"),
    Typed("struct(a timetz)", "{'a': '10:00:00+02'}", "text", "{'a': '10:00:00+02'}"),
]

POSTGRESQL = [
    Typed("boolean", "true", "boolean", "true"),
    Typed("smallint", "-32768", "integer", "-32768"),
    Typed("integer", "-2147483648", "integer", "-2147483648"),
    Typed("bigint", _INTEGER, "integer", _INTEGER),
    Typed("oid", "4294967295", "integer", "4294967295"),
    Typed("real", "0.1", "float", "0.1"),
    Typed("double precision", "0.1", "float", "0.1"),
    Typed("numeric(4,1)", "-123.4", "decimal", "-123.4"),
    Typed("numeric", _DECIMAL, "decimal", _DECIMAL),
    Typed("money", "'1234.50'", "decimal", "1234.50"),
    Typed("text", _TEXT_SQL, "text", TEXT),
    Typed("varchar(20)", _TEXT_SQL, "text", TEXT),
    Typed("char(3)", "'ab'", "text", "ab "),
    Typed("bytea", "'\\x00ff'", "binary", "00ff", "\\x00\\xFF"),
    Typed("date", "'2024-02-29'", "date", "2024-02-29"),
    Typed("time", "'23:59:59.123456'", "time", "23:59:59.123456"),
    Typed("timetz", "'10:00:00+02'", "text", "10:00:00+02"),
    Typed("timestamp", "'2024-02-29 10:00:00.5'", "timestamp", "2024-02-29T10:00:00.500000", "2024-02-29 10:00:00.5"),
    Typed("timestamptz", "'2024-02-29 10:00:00+02'", "timestamp", "2024-02-29T08:00:00.000000Z",
          "2024-02-29 08:00:00+00"),
    Typed("interval", "'14 months -3 days 1.5 seconds'", "text", "1 year 2 mons -3 days +00:00:01.5"),
    Typed("uuid", "'00112233-4455-6677-8899-aabbccddeeff'", "text", "00112233-4455-6677-8899-aabbccddeeff"),
    Typed("json", "'{\"a\": 1}'", "text", '{"a": 1}'),
    Typed("jsonb", "'{\"a\":1}'", "text", '{"a": 1}'),
    Typed("integer[]", "'{1,null}'", "nested", "[1,null]", "[1, NULL]"),
    Typed("text[]", "array['a','b c']", "nested", '["a","b c"]', "[a, b c]"),
    Typed("numeric[]", "'{1.5}'", "text", "{1.5}"),
    Typed("inet", "'192.0.2.1'", "text", "192.0.2.1/32"),
    Typed("bit(3)", "'101'", "text", "101"),
    Typed("int4range", "'[1,5)'", "text", "[1,5)"),
    Typed("mood", "'sad'", "text", "sad"),
]  # fmt: skip

MARIADB = [
    Typed("boolean", "true", "integer", "1"),
    Typed("tinyint unsigned", "255", "integer", "255"),
    Typed("smallint", "-32768", "integer", "-32768"),
    Typed("mediumint", "-8388608", "integer", "-8388608"),
    Typed("int", "-2147483648", "integer", "-2147483648"),
    Typed("bigint", _INTEGER, "integer", _INTEGER),
    Typed("bigint unsigned", "18446744073709551615", "integer", "18446744073709551615"),
    Typed("float", "0.5", "float", "0.5"),
    Typed("double", "0.1", "float", "0.1"),
    Typed("decimal(4,1)", "-123.4", "decimal", "-123.4"),
    Typed("decimal(38,10)", _DECIMAL, "decimal", _DECIMAL),
    Typed("varchar(50)", _TEXT_SQL, "text", TEXT),
    Typed("char(3)", "'ab'", "text", "ab"),
    Typed("longtext", _TEXT_SQL, "text", TEXT),
    Typed("varbinary(9)", "x'00ff'", "binary", "00ff", "\\x00\\xFF"),
    Typed("blob", "x'00ff'", "binary", "00ff", "\\x00\\xFF"),
    Typed("bit(9)", "b'101010101'", "binary", "0155", "\\x01U"),
    Typed("date", "'2024-02-29'", "date", "2024-02-29"),
    Typed("time", "'23:59:59'", "time", "23:59:59"),
    Typed("time(6)", "'23:59:59.123456'", "time", "23:59:59.123456"),
    Typed("datetime", "'2024-02-29 10:00:00'", "timestamp", "2024-02-29T10:00:00"),
    Typed("datetime(6)", "'2024-02-29 10:00:00.5'", "timestamp", "2024-02-29T10:00:00.500000",
          "2024-02-29 10:00:00.5"),
    Typed("timestamp null", "'2024-02-29 10:00:00'", "timestamp", "2024-02-29T10:00:00"),
    Typed("year", "2024", "integer", "2024"),
    Typed("json", "'{\"a\": 1}'", "text", '{"a": 1}'),
    Typed("enum('a','b')", "'b'", "text", "b"),
    Typed("set('a','b')", "'a,b'", "text", "a,b"),
    Typed("uuid", "'00112233-4455-6677-8899-aabbccddeeff'", "text", "00112233-4455-6677-8899-aabbccddeeff"),
    Typed("inet6", "'2001:db8::1'", "text", "2001:db8::1"),
]  # fmt: skip

TYPES = {
    "sqlite": SQLITE,
    "files": _DUCKDB_AND_PARQUET + _PARQUET_ONLY,
    "duckdb": _DUCKDB_AND_PARQUET + _DUCKDB_ONLY,
    "postgresql": POSTGRESQL,
    "sql": MARIADB,
}


def statements(types: list[Typed]) -> list[str]:
    """They make a table with a column of each type, a row of values and a row of NULLs."""
    columns = ", ".join(f"c{number} {one.type}" for number, one in enumerate(types))
    values, nulls = ", ".join(one.value for one in types), ", ".join("null" for _ in types)
    return [
        f"create table every_type (n integer, {columns})",
        f"insert into every_type values (1, {values})",
        f"insert into every_type values (2, {nulls})",
    ]
