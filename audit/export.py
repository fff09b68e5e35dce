"""The entries that a filter leaves, as a file: written line by line, whatever their number."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC

from audit.models import AuditLog
from audit.querysets import AuditLogQuerySet

_BATCH = 1000
#: What a spreadsheet takes for a formula, as in reports.rendering.text: names and ids are typed by people.
_FORMULA = re.compile("^[-=+@\t\r\n\x00\uff1d\uff0b\uff0d\uff20]")
_COLUMNS = ("sequence", "timestamp", "actor", "action", "targetType", "targetId", "details", "previousHash", "hash")


def lines(entries: AuditLogQuerySet, format: str) -> Iterator[str]:
    """The newest first. Asked for in pieces: a reader who takes an hour must not keep a transaction open."""
    head, write = WRITERS[format]
    yield head
    last: int | None = None
    while True:
        rest = entries if last is None else entries.filter(sequence__lt=last)
        batch = list(rest.order_by("-sequence")[:_BATCH])
        if not batch:
            return
        yield "".join(write(_values(entry)) for entry in batch)
        last = batch[-1].sequence


def _values(entry: AuditLog) -> dict[str, object]:
    at = entry.timestamp.astimezone(UTC).isoformat().replace("+00:00", "Z")
    values = (entry.sequence, at, entry.actor, entry.action, entry.target_type, entry.target_id, entry.details)
    return dict(zip(_COLUMNS, (*values, entry.previous_hash, entry.hash), strict=True))


def _csv(values: dict[str, object]) -> str:
    cells = {**values, "details": json.dumps(values["details"], ensure_ascii=False)}
    out = io.StringIO()
    csv.writer(out).writerow([_guarded(cell) for cell in cells.values()])
    return out.getvalue()


def _guarded(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def _ndjson(values: dict[str, object]) -> str:
    return json.dumps(values, ensure_ascii=False) + "\n"


#: What comes first, and how a line is written.
WRITERS: dict[str, tuple[str, Callable[[dict[str, object]], str]]] = {
    "csv": (",".join(_COLUMNS) + "\r\n", _csv),
    "ndjson": ("", _ndjson),
}
MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}
