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
        if self.kind in ("date", "timestamp") and self.csv[0].isdigit():
            return dt.datetime.fromisoformat(self.csv.removesuffix("Z"))
        return self.shown or self.csv

    @property
    def html(self) -> str:
        """Without a fraction that is zero, and at midnight only the date."""
        if self.kind != "timestamp":
            return self.shown or self.csv
        return re.sub(r"(?: 00:00:00(?:\.0+)?Z?|\.0+(Z?))$", r"\1", self.csv.replace("T", " ", 1))

    @property
    def pdf(self) -> str:
        return self.html

    @property
    def parquet_text(self) -> str:
        """As DuckDB reads it from a Parquet file, and casts it to text."""
        if self.parquet is not None:
            return self.parquet
        return self.csv.replace("T", " ", 1) if self.kind == "timestamp" else self.csv


TEXT = 'Ж 中 "a", b; <c>'
_TEXT_SQL = "'Ж 中 \"a\", b; <c>'"
#: DuckDB and jsonb keep the order of these keys and all digits.
_JSON = '{"a": 1.10, "b": [12345678901234567890123.0, null]}'
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
    Value("json", f"'{_JSON}'", "nested", _JSON),
    Value("enum('a','b')", "'b'", "text", "b"),
    Value("date", "'0044-03-15 (BC)'", "date", "-0043-03-15", "0044-03-15 (BC)"),
    Value("date", "'290000-01-01'", "date", "+290000-01-01", "290000-01-01"),
    Value("timestamp", "'20231-01-01 10:00:00'", "timestamp", "+20231-01-01T10:00:00.000000", "20231-01-01 10:00:00"),
    Value("date[]", "['0044-03-15 (BC)', null]", "nested", '["-0043-03-15",null]', "['0044-03-15 (BC)', NULL]"),
    Value("integer[][]", "[[1, 2], [], null]", "nested", "[[1,2],[],null]", "[[1, 2], [], NULL]"),
    Value("double[]", "['nan'::double, '-inf'::double, 0.1]", "nested", "[null,null,0.1]", "[nan, -inf, 0.1]"),
    Value("decimal(38,10)[]", f"[{_DECIMAL}]", "nested", f"[{_DECIMAL}]"),
    Value("blob[]", "['\\x00\\xFF'::blob]", "nested", '["AP8="]', "['\\\\x00\\\\xFF']"),
    Value("enum('a','b')[]", "['b']", "nested", '["b"]', "[b]"),
    Value("json[]", "['[1.10]', null]", "nested", "[[1.10],null]", "[[1.10], NULL]"),
    Value("struct(j json)", "{'j': '[1.10]'}", "nested", '{"j":[1.10]}', "{'j': '[1.10]'}"),
    Value("map(varchar, json)", "map {'k': '[1.10]'}", "nested", '{"k":[1.10]}', "{k='[1.10]'}"),
    Value("map(integer, varchar)", "map {1: 'x'}", "nested", '[[1,"x"]]', "{1=x}"),
    Value("map(date, double)", "map {'2024-02-29': 'inf'}", "nested", '[["2024-02-29",null]]', "{2024-02-29=inf}"),
    Value("struct(l struct(m map(varchar, date[]))[])", "{'l': [{'m': map {'k': ['2024-02-29']}}]}", "nested",
          '{"l":[{"m":{"k":["2024-02-29"]}}]}', "{'l': [{'m': {k=[2024-02-29]}}]}"),
]  # fmt: skip
_MILLISECONDS = ("timestamp_ms", "'2024-02-29 10:00:00.5'", "timestamp")
#: DuckDB reads them as microseconds.
_PARQUET_ONLY = [Value(*_MILLISECONDS, "2024-02-29T10:00:00.500000", "2024-02-29 10:00:00.5")]
_UNION = "union(a integer, d date)"
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
    Value(
        "hugeint[]",
        "[-170141183460469231731687303715884105727]",
        "nested",
        "[-170141183460469231731687303715884105727]",
    ),
    Value("time_ns", "'23:59:59.123456789'", "text", "23:59:59.123456789"),
    Value(
        "timestamptz_ns",
        "'2024-02-29 10:00:00+02'",
        "timestamp",
        "2024-02-29T08:00:00.000000000Z",
        "2024-02-29 08:00:00+00",
    ),
    Value("integer[2]", "[1, 2]", "nested", "[1,2]", "[1, 2]"),
    Value("variant", "{'a': 1}::variant", "text", "{'a': 1}"),
    Value("variant[]", "[1::variant]", "text", "[1]"),
    Value("geometry", "'POINT (1 2)'", "text", "POINT (1 2)"),
    Value("union(k integer)", "1", "nested", "1"),
    Value("union(a integer, b varchar)", "'x'::varchar", "nested", '"x"'),
    Value("union(j json)", "union_value(j := '[1.10]'::json)", "nested", "[1.10]"),
    Value(
        "union(a integer, d date)[]",
        f"[1::{_UNION}, date '2024-02-29'::{_UNION}, null]",
        "nested",
        '[1,"2024-02-29",null]',
    ),
    Value("struct(u union(a hugeint[]))", "{'u': [1::hugeint]}", "nested", '{"u":[1]}'),
    Value("map(varchar, union(d double))", "map {'k': 0.1::double}", "nested", '{"k":0.1}'),
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
    Value("json", f"'{_JSON}'", "nested", _JSON),
    Value("jsonb", f"'{_JSON}'", "nested", _JSON),
    Value("json[]", "array['[1.10]'::json, null]", "nested", "[[1.10],null]", "[[1.10], NULL]"),
    Value("jsonb[]", "array['[1.10]'::jsonb]", "nested", "[[1.10]]"),
    Value("integer[]", "'{1,null}'", "nested", "[1,null]", "[1, NULL]"),
    Value("text[]", "array['a','b c']", "nested", '["a","b c"]', "[a, b c]"),
    Value("numeric[]", "'{1.5}'", "text", "{1.5}"),
    Value("inet", "'192.0.2.1'", "text", "192.0.2.1/32"),
    Value("bit(3)", "'101'", "text", "101"),
    Value("int4range", "'[1,5)'", "text", "[1,5)"),
    Value("mood", "'sad'", "text", "sad"),
    Value("date", "'0044-03-15 BC'", "date", "-0043-03-15", "0044-03-15 (BC)"),
    Value("date", "'5874897-12-31'", "date", "+5874897-12-31", "5874897-12-31"),
    Value("timestamp", "'20231-01-01 10:00'", "timestamp", "+20231-01-01T10:00:00.000000", "20231-01-01 10:00:00"),
    Value("timestamptz", "'0044-03-15 10:00+00 BC'", "timestamp", "-0043-03-15T10:00:00.000000Z",
          "0044-03-15 (BC) 10:00:00+00"),
    # More microseconds after 1970 than fit into 64 bits.
    Value("timestamp", "'294276-12-31 10:00'", "text", "294276-12-31 10:00:00"),
    Value("time", "'24:00'", "text", "24:00:00.000000", "24:00:00"),
    Value("numeric", "1e40", "decimal", "1" + "0" * 40),
    Value("numeric(60,30)", "-1e29", "decimal", "-1" + "0" * 29 + "." + "0" * 30),
    Value("numeric(5,-2)", "12345", "decimal", "12300"),
    Value("varbit", "'101'", "text", "101"),
    Value("xml", "'<a/>'", "text", "<a/>"),
    Value("regproc", "'now'", "text", "now"),
    Value("pg_lsn", "'0/1'", "text", "0/1"),
    Value("int2vector", "'7'", "text", "7"),
    Value("point", "'(1,2)'", "text", "(1,2)"),
    Value("daterange", "'[-infinity,2024-02-29)'", "text", "[-infinity,2024-02-29)"),
    Value("tstzrange", "'[2024-02-29 10:00+02,infinity)'", "text", '["2024-02-29 08:00:00+00",infinity)'),
    Value("int4multirange", "'{[1,2),[4,5)}'", "text", "{[1,2),[4,5)}"),
    Value("pair", "row(1, 'x')", "text", "(1,x)"),
    Value("posint", "5", "integer", "5"),
    *(Value(type, f"'{text}'", "text", text) for type, text in [
        ("integer[][]", "{{1,2},{3,NULL}}"),
        ("smallint[]", "[0:1]={1,2}"),
        ("bigint[][][]", "{{{1},{2}}}"),
        ("text[][]", '{{a,"b,c"},{"",NULL}}'),
        ("boolean[][]", "{{t,f}}"),
        ("double precision[]", "[-1:0]={0.1,NaN}"),
        ("numeric[][]", "{{1.50,2}}"),
        ("date[][]", "{{infinity,2024-02-29}}"),
        ("timestamp[]", "[2:2]={-infinity}"),
        ("interval[]", '{"1 day"}'),
        ("uuid[]", "{00112233-4455-6677-8899-aabbccddeeff}"),
        ("inet[]", "{192.0.2.1}"),
        ("bit(3)[]", "{101}"),
        ("oid[]", "{4294967295}"),
        ("money[]", "{$1.50}"),
        ("timetz[]", "{10:00:00+02}"),
        ("int4range[]", '{"[1,5)"}'),
        ("pair[]", '{"(1,x)"}'),
        ("posint[]", "{5}"),
        ("json[][]", "{{1.10}}"),
    ]),
    Value("smallint[]", "'{-32768}'", "nested", "[-32768]"),
    Value("bigint[]", f"'{{{_INTEGER}}}'", "nested", f"[{_INTEGER}]"),
    Value("boolean[]", "'{t,null}'", "nested", "[true,null]", "[true, NULL]"),
    Value("real[]", "'{0.1,NaN}'", "nested", "[0.1,null]", "[0.1, nan]"),
    Value("bytea[]", "array['\\x00ff'::bytea]", "nested", '["AP8="]', "['\\\\x00\\\\xFF']"),
    Value("date[]", "'{0044-03-15 BC,2024-02-29}'", "nested", '["-0043-03-15","2024-02-29"]',
          "['0044-03-15 (BC)', 2024-02-29]"),
    Value("timestamptz[]", "'{2024-02-29 10:00+02}'", "nested", '["2024-02-29T08:00:00.000000Z"]',
          "['2024-02-29 08:00:00+00']"),
    Value("mood[]", "'{sad}'", "nested", '["sad"]', "[sad]"),
]  # fmt: skip

_LONG_DECIMAL = "12345678901.123456789012345678901234567891"
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
    Value("json", f"'{_JSON}'", "nested", _JSON),
    Value("enum('a','b')", "'b'", "text", "b"),
    Value("set('a','b')", "'a,b'", "text", "a,b"),
    Value("uuid", "'00112233-4455-6677-8899-aabbccddeeff'", "text", "00112233-4455-6677-8899-aabbccddeeff"),
    Value("inet6", "'2001:db8::1'", "text", "2001:db8::1"),
    Value("decimal(65,30)", f"-{_LONG_DECIMAL}", "decimal", f"-{_LONG_DECIMAL}"),
    Value("date", "'9999-12-31'", "date", "9999-12-31"),
    Value("date", "'0000-00-00'", "text", "0000-00-00"),
    Value("datetime", "'0000-00-00'", "text", "0000-00-00 00:00:00"),
    Value("datetime(6)", "'9999-12-31 23:59:59.5'", "timestamp", "9999-12-31T23:59:59.500000",
          "9999-12-31 23:59:59.5"),
    Value("time", "'838:59:59'", "text", "838:59:59"),
    Value("time(6)", "'24:00:00.000001'", "text", "24:00:00.000001"),
    Value("bit(1)", "b'1'", "binary", "01", "\\x01"),
    Value("bit(64)", "b'1'", "binary", "0000000000000001", "\\x00" * 7 + "\\x01"),
    Value("inet4", "'192.0.2.1'", "text", "192.0.2.1"),
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
