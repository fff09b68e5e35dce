"""DuckDB types without a counterpart in Arrow, which would arrive as raw bytes, without a zone or as other numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb

from reports.sources.placeholders import identifier

_WITHOUT_ARROW_TYPE = frozenset({"bit", "time with time zone", "uhugeint", "bignum"})
_NESTED = frozenset({"list", "array", "struct", "map", "union"})


def cast_to_text(
    connection: duckdb.DuckDBPyConnection, sql: str, bound: Mapping[str, object]
) -> duckdb.DuckDBPyRelation:
    """The query, with such columns cast to text by DuckDB."""
    relation = connection.sql(sql, params=dict(bound))
    needs_cast = [_needs_cast(type) for type in relation.types]
    if not any(needs_cast):
        return relation
    columns = [f"c{number}" for number in range(len(needs_cast))]
    selected = ", ".join(
        f"{f'cast({column} as varchar)' if cast else column} as {identifier(name)}"
        for column, cast, name in zip(columns, needs_cast, relation.columns, strict=True)
    )
    # `sql` is the author's own query, known to be a select; there is no value in these names.
    return connection.sql(f"select {selected} from ({sql}\n) as q({', '.join(columns)})", params=dict(bound))  # noqa: S608


def _needs_cast(type: Any) -> bool:
    if type.id in _NESTED:
        return any(_needs_cast(child) for _, child in type.children if hasattr(child, "id"))
    return type.id in _WITHOUT_ARROW_TYPE
