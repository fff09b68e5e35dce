"""Columns of a result that a report's design names."""

from __future__ import annotations

import pyarrow as pa

from reports.exceptions import DesignMismatch

_MOST_NAMES = 20


def position(schema: pa.Schema, name: str, path: str) -> int:
    """Where the column is. Raises DesignMismatch, which begins with `path`, the field that names the column."""
    found = schema.get_field_index(name)
    if found < 0:
        raise DesignMismatch(f"{path}: The query has no column {name}. It has {listed(schema)}.")
    return int(found)


def listed(schema: pa.Schema) -> str:
    """The names of the columns, for a sentence."""
    names = schema.names[:_MOST_NAMES]
    more = len(schema) - len(names)
    return ", ".join([*names, f"and {more} more"] if more else names) or "no columns"
