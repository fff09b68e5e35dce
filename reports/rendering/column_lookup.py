"""Find the columns that a report's columns, totals and chart name."""

from __future__ import annotations

import pyarrow as pa

from reports.exceptions import DesignMismatch

_MAX_NAMES = 20


def column_index(schema: pa.Schema, name: str, path: str) -> int:
    """The index of a column. Raises DesignMismatch, whose message starts with `path`, the field that names it."""
    index = schema.get_field_index(name)
    if index < 0:
        raise DesignMismatch(f"{path}: {missing_column(schema, name)}")
    return int(index)


def missing_column(schema: pa.Schema, name: str) -> str:
    """The sentence about a column that the query doesn't return."""
    return f"The query has no column {name}. It has {column_names(schema)}."


def column_names(schema: pa.Schema) -> str:
    """The names of the columns, for a sentence."""
    names = schema.names[:_MAX_NAMES]
    if len(schema) > _MAX_NAMES:
        names.append(f"and {len(schema) - _MAX_NAMES} more")
    return ", ".join(names) or "no columns"
