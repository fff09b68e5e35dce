"""Values as SQL of DuckDB and PostgreSQL, so that the source and not a driver makes them."""

from __future__ import annotations

import math
from typing import Any

from tests.fidelity.calendar_text import time_text
from tests.fidelity.tables import Kind, Type

_DAY = 86_400


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def duckdb_literal(type: Type, value: Any) -> str:
    if value is None:
        return f"null::{type.sql}"
    if type.kind is Kind.SERVER_TEXT:
        return str(value)
    if type.kind is Kind.LIST:
        return f"[{', '.join(duckdb_literal(type.parts[0], item) for item in value)}]::{type.sql}"
    if type.kind is Kind.STRUCT:
        triples = zip(type.names, type.parts, value, strict=True)
        return f"{{{', '.join(f'{quoted(name)}: {duckdb_literal(part, item)}' for name, part, item in triples)}}}"
    if type.kind is Kind.MAP:
        keys, items = type.parts
        pairs = ", ".join(f"{duckdb_literal(keys, key)}: {duckdb_literal(items, item)}" for key, item in value)
        return f"map {{{pairs}}}::{type.sql}"
    if type.kind is Kind.TEXT:
        # A query can't contain NUL.
        return "(" + " || chr(0) || ".join(map(quoted, value.split("\0"))) + f")::{type.sql}"
    if type.kind is Kind.BINARY:
        return f"unhex('{value.hex()}')"
    if type.kind is Kind.INTERVAL:
        months, days, microseconds = value
        return f"(to_months({months}) + to_days({days}) + to_microseconds({microseconds}))"
    if type.kind in (Kind.DATE, Kind.TIMESTAMP) and math.isinf(value):
        return f"'{_infinity(value)}'::{type.sql}"
    if type.kind is Kind.DATE:
        return f"('1970-01-01'::date + ({value})::integer)"
    if type.kind is Kind.TIMESTAMP:
        return _duckdb_timestamp(type, value)
    return f"{quoted(_scalar_text(type, value))}::{type.sql}"


def _duckdb_timestamp(type: Type, ticks: int) -> str:
    if type.unit == 9:
        return f"make_timestamp_ns(({ticks})::bigint)"
    moment = f"make_timestamp(({ticks * 10 ** (6 - type.unit)})::bigint)"
    return f"({moment} at time zone 'UTC')" if type.zoned else f"{moment}::{type.sql}"


def postgresql_literal(type: Type, value: Any) -> str:
    if value is None:
        return "null"
    if type.kind is Kind.SERVER_TEXT:
        return str(value)
    if type.kind is Kind.LIST:
        items = ", ".join(postgresql_literal(type.parts[0], item) for item in value)
        return f"array[{items}]::{type.sql}"
    if type.kind is Kind.BINARY:
        return f"'\\x{value.hex()}'::bytea"
    if type.kind in (Kind.DATE, Kind.TIMESTAMP) and math.isinf(value):
        return f"'{_infinity(value)}'::{type.sql}"
    if type.kind is Kind.DATE:
        return f"('1970-01-01'::date + ({value}))"
    if type.kind is Kind.TIMESTAMP:
        day, tick = divmod(value, _DAY * 10**6)
        moment = f"(('1970-01-01'::date + ({day})) + '{time_text(tick, 6)}'::time)"
        return f"({moment} at time zone 'UTC')" if type.zoned else moment
    return f"{quoted(_scalar_text(type, value))}::{type.sql}"


def _scalar_text(type: Type, value: Any) -> str:
    if type.kind is Kind.BOOLEAN:
        return "true" if value else "false"
    if type.kind is Kind.TIME:
        return time_text(value, type.unit)
    if type.kind in (Kind.DECIMAL, Kind.NUMERIC):
        return format(value, "f")
    return repr(value) if type.kind is Kind.FLOAT else str(value)


def _infinity(value: float) -> str:
    return "infinity" if value > 0 else "-infinity"
