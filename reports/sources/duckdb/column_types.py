"""DuckDB types without a counterpart in Arrow, which would arrive as raw bytes, without a zone or as other numbers, and
JSON, which would arrive as any text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb
import pyarrow as pa

from reports.sources.placeholders import identifier

_WITHOUT_ARROW_TYPE = frozenset({"bit", "time with time zone", "uhugeint", "bignum", "variant", "geometry", "type"})
_NESTED = frozenset({"list", "array", "struct", "tuple", "map", "union"})
_JSON = pa.json_(pa.string())


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
    return type.id in _WITHOUT_ARROW_TYPE or any(map(_needs_cast, _inner_types(type)))


def _inner_types(type: Any) -> list[Any]:
    """The types within a nested one. A union begins with its tag, and an array ends with its size."""
    return [child for _, child in type.children if hasattr(child, "id")] if type.id in _NESTED else []


# ---- JSON


def schema_with_json(relation: duckdb.DuckDBPyRelation, schema: pa.Schema) -> pa.Schema:
    """The relation's Arrow schema, in which JSON is text, with JSON at any depth of its types."""
    types = zip(relation.types, schema, strict=True)
    return pa.schema([field.with_type(_with_json(type, field.type)) for type, field in types])


def marked(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch with this schema, without a copy."""
    columns = zip(batch.columns, schema, strict=True)
    arrays = [column if column.type == field.type else column.view(field.type) for column, field in columns]
    return pa.record_batch(arrays, schema=schema)


def _with_json(type: Any, arrow_type: pa.DataType) -> pa.DataType:
    if type.id == "varchar":
        return _JSON if str(type) == "JSON" else arrow_type
    if type.id not in _NESTED:
        return arrow_type
    inner = _inner_types(type)[1:] if type.id == "union" else _inner_types(type)
    if pa.types.is_map(arrow_type):
        fields = [arrow_type.key_field, arrow_type.item_field]
    else:
        fields = [arrow_type.field(number) for number in range(arrow_type.num_fields)]
    fields = [field.with_type(_with_json(child, field.type)) for child, field in zip(inner, fields, strict=True)]
    return _rebuilt(arrow_type, fields)


def _rebuilt(arrow_type: pa.DataType, fields: list[pa.Field]) -> pa.DataType:
    """The nested type with other fields."""
    if pa.types.is_struct(arrow_type):
        return pa.struct(fields)
    if pa.types.is_union(arrow_type):
        return pa.union(fields, arrow_type.mode, arrow_type.type_codes)
    if pa.types.is_map(arrow_type):
        return pa.map_(*fields)
    if pa.types.is_fixed_size_list(arrow_type):
        return pa.list_(fields[0], arrow_type.list_size)
    return pa.list_(fields[0])
