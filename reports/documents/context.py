"""The data of a template: the report, its columns, rows and totals as one JSON text. Values are data, never code."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC
from decimal import Context, Decimal, InvalidOperation
from math import fsum
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.types as pt

from reports.rendering.base import Document, Section
from reports.rendering.column_kinds import NUMBERS, ColumnKind, kind_of
from reports.rendering.column_text import display_text

#: Typst's decimals always hold 28 digits, its integers 64 bits.
_DECIMAL_DIGITS = 28
_INTEGER_LIMIT = 2**63
#: How report.typ reads the texts of a column.
_KIND_NAMES = {
    ColumnKind.INTEGER: "integer",
    ColumnKind.FLOAT: "float",
    ColumnKind.NUMERIC_TEXT: "numeric",
    ColumnKind.BOOLEAN: "boolean",
    ColumnKind.DATE: "date",
    ColumnKind.TIME: "time",
    ColumnKind.TIMESTAMP: "timestamp",
}
_SUMMED_KINDS = {"integer", "decimal", "float", "numeric"}
#: Adds without rounding: no sum of the rows that a document can hold has more digits.
_EXACT = Context(prec=200)

Texts = Sequence[str | None]


def column_texts(batch: pa.RecordBatch) -> list[Texts]:
    """The values of each column as html shows them."""
    return [display_text(column).to_pylist() for column in batch.columns]


class Table(NamedTuple):
    """The rows of a report, or of one of its sections. `columns` are the texts of all rows, by column."""

    schema: pa.Schema
    columns: Sequence[Texts]
    section: Section | None = None


def as_json(document: Document, tables: Sequence[Table], truncated: str | None) -> str:
    """The whole context: one table, or a table for each section."""
    shown = [_table(table) for table in tables]
    data = {
        "report": {
            "name": document.title,
            "description": document.description,
            "version": document.version,
            "generated": f"{document.generated_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            "parameters": dict(document.template.parameters) if document.template else {},
            "labels": dict(document.parameters),
            "row-count": sum(len(table["rows"]) for table in shown),
            "truncated": truncated,
        },
        **({"sections": shown} if document.sections else shown[0]),
    }
    return json.dumps(data, ensure_ascii=False)


def _table(table: Table) -> dict[str, Any]:
    names = table.schema.names
    kinds = [_kind_name(field.type) for field in table.schema]
    data = {
        "columns": [
            {"name": name, "kind": kind, "numeric": kind_of(field.type) in NUMBERS}
            for name, kind, field in zip(names, kinds, table.schema, strict=True)
        ],
        "rows": list(zip(*table.columns, strict=True)),
        "totals": [
            {"name": name, **_total(kind, texts)}
            for name, kind, texts in zip(names, kinds, table.columns, strict=True)
            if kind in _SUMMED_KINDS
        ],
    }
    return data | ({"name": table.section.name, "title": table.section.title} if table.section else {})


def _kind_name(data_type: pa.DataType) -> str:
    """A kind of Typst value that holds every value of the column exactly, else "text"."""
    kind = kind_of(data_type)
    if pt.is_uint64(data_type):
        return "decimal"
    if kind is ColumnKind.DECIMAL and pt.is_decimal(data_type):
        fits = data_type.precision <= _DECIMAL_DIGITS and 0 <= data_type.scale <= data_type.precision
        return "decimal" if fits else "text"
    return _KIND_NAMES.get(kind, "text")


def _total(kind: str, texts: Iterable[str | None]) -> dict[str, str | None]:
    """Kind and text of the sum of a column. The text is None if one of the values is not a number."""
    values = [text for text in texts if text is not None]
    if kind == "float":
        try:
            return {"kind": kind, "text": str(fsum(map(float, values)))}
        except (ValueError, OverflowError):
            # Infinities of both signs, or a sum beyond the largest double.
            return {"kind": kind, "text": "nan"}
    total = Decimal(0)
    try:
        for text in values:
            total = _EXACT.add(total, Decimal(text))
    except InvalidOperation:
        return {"kind": "text", "text": None}
    if not total.is_finite():
        return {"kind": "text", "text": None}
    if len(total.as_tuple().digits) > _DECIMAL_DIGITS:
        kind = "text"
    elif kind != "integer" or not -_INTEGER_LIMIT <= total < _INTEGER_LIMIT:
        kind = "decimal"
    return {"kind": kind, "text": f"{total:f}"}
