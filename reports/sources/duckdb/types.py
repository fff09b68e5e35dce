"""DuckDB's types that Arrow has no place for: they would arrive as raw bytes, without a zone or as other numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb

from reports.sources.placeholders import identifier

_UNREADABLE = frozenset({"bit", "time with time zone", "uhugeint", "bignum"})
_NESTED = frozenset({"list", "array", "struct", "map", "union"})


def readable(connection: duckdb.DuckDBPyConnection, sql: str, bound: Mapping[str, object]) -> duckdb.DuckDBPyRelation:
    """The query, with such columns cast to text by DuckDB, which knows them."""
    relation = connection.sql(sql, params=dict(bound))
    casts = [_is_unreadable(type) for type in relation.types]
    if not any(casts):
        return relation
    columns = [f"c{number}" for number in range(len(casts))]
    selected = ", ".join(
        f"{f'cast({column} as varchar)' if cast else column} as {identifier(name)}"
        for column, cast, name in zip(columns, casts, relation.columns, strict=True)
    )
    # The author's own query, which is a select; no value is in these names.
    return connection.sql(f"select {selected} from ({sql}\n) as q({', '.join(columns)})", params=dict(bound))  # noqa: S608


def _is_unreadable(type: Any) -> bool:
    if type.id in _NESTED:
        return any(_is_unreadable(child) for _, child in type.children if hasattr(child, "id"))
    return type.id in _UNREADABLE
