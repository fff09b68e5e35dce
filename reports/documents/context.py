"""What a template is given: the report, its columns, rows and totals as one JSON text. Values are data, never code."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC
from decimal import Context, Decimal, InvalidOperation
from math import fsum
from typing import Any

import pyarrow as pa
import pyarrow.types as pt

from reports.rendering.base import Document
from reports.rendering.column_text import display_text
from reports.rendering.kinds import NUMBERS, Kind, kind_of

#: Typst's decimals hold 28 digits whatever they are, its integers 64 bits.
_DECIMAL_DIGITS = 28
_INTEGERS = 2**63
_KINDS = {
    Kind.INTEGER: "integer",
    Kind.FLOAT: "float",
    Kind.NUMERIC_TEXT: "numeric",
    Kind.BOOLEAN: "boolean",
    Kind.DATE: "date",
    Kind.TIME: "time",
    Kind.TIMESTAMP: "timestamp",
}
_TOTALLED = {"integer", "decimal", "float", "numeric"}
#: More digits than a sum of any number of rows needs.
_EXACT = Context(prec=200)

Texts = Sequence[str | None]


def column_texts(batch: pa.RecordBatch) -> list[Texts]:
    """The values of each column as html shows them."""
    return [display_text(column).to_pylist() for column in batch.columns]


def as_json(document: Document, schema: pa.Schema, columns: Sequence[Texts], truncated: str | None) -> str:
    """The whole context. `columns` are the texts of all rows, column by column."""
    template = document.template
    names, kinds = schema.names, [_kind(field.type) for field in schema]
    rows = list(zip(*columns, strict=True))
    report = {
        "name": document.title,
        "description": document.description,
        "version": document.version,
        "generated": f"{document.generated_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
        "parameters": dict(template.parameters) if template else {},
        "labels": dict(document.parameters),
        "row-count": len(rows),
        "truncated": truncated,
    }
    described = [
        {"name": name, "kind": kind, "numeric": kind_of(field.type) in NUMBERS}
        for name, kind, field in zip(names, kinds, schema, strict=True)
    ]
    totals = [_total(*column) for column in zip(names, kinds, columns, strict=True) if column[1] in _TOTALLED]
    data = {"report": report, "columns": described, "rows": rows, "totals": totals}
    return json.dumps(data, ensure_ascii=False)


def _kind(data_type: pa.DataType) -> str:
    """How report.typ reads the column's texts: as a value of Typst's where that is exact for all of them."""
    kind = kind_of(data_type)
    if pt.is_uint64(data_type):
        return "decimal"
    if kind is Kind.DECIMAL and pt.is_decimal(data_type):
        fits = data_type.precision <= _DECIMAL_DIGITS and 0 <= data_type.scale <= data_type.precision
        return "decimal" if fits else "text"
    return _KINDS.get(kind, "text")


def _total(name: str, kind: str, texts: Iterable[str | None]) -> dict[str, Any]:
    """The sum of the column's values; NULL where one of them is no number."""
    values = [text for text in texts if text is not None]
    if kind == "float":
        return {"name": name, "kind": kind, "text": str(_float_sum(values))}
    total = _exact_sum(values)
    return {"name": name, "kind": _total_kind(kind, total), "text": None if total is None else f"{total:f}"}


def _total_kind(kind: str, total: Decimal | None) -> str:
    if total is None or len(total.as_tuple().digits) > _DECIMAL_DIGITS:
        return "text"
    return "integer" if kind == "integer" and -_INTEGERS <= total < _INTEGERS else "decimal"


def _float_sum(texts: Iterable[str]) -> float:
    try:
        return fsum(map(float, texts))
    except (ValueError, OverflowError):
        # Infinities of both signs, or a sum beyond the largest number.
        return float("nan")


def _exact_sum(texts: Iterable[str]) -> Decimal | None:
    total = Decimal(0)
    try:
        for text in texts:
            total = _EXACT.add(total, Decimal(text))
    except InvalidOperation:
        return None
    return total if total.is_finite() else None
