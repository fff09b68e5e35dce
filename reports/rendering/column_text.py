"""Any column as text: for programs, and for people."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from reports.rendering.column_json import to_json
from reports.rendering.column_kinds import SPANS, ColumnKind, kind_of, unwrapped, validity
from reports.rendering.duration_display import duration_display
from reports.rendering.scalar_text import scalar_text
from reports.rendering.text_arrays import TEXT


def as_text(array: pa.Array) -> pa.Array:
    """The exact values as large_string: nested values as JSON, all others as docs/formats.md says. NULL stays NULL."""
    if kind_of(array.type) is ColumnKind.NESTED:
        return pc.if_else(validity(array), to_json(array), pa.scalar(None, TEXT))
    return scalar_text(array)


def display_text(array: pa.Array) -> pa.Array:
    """The same for people: timestamps have a space instead of the T, and durations hours and minutes."""
    kind = kind_of(array.type)
    if kind in SPANS:
        return duration_display(unwrapped(array))
    texts = as_text(array)
    if kind is ColumnKind.TIMESTAMP:
        return pc.replace_substring(texts, "T", " ", max_replacements=1)
    return texts
