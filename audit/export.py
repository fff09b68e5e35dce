"""The entries that a filter leaves, as a file: written line by line, whatever their number."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC

from audit.models import AuditLog
from audit.querysets import AuditLogQuerySet
from common.csv_guard import guarded

_BATCH = 1000
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
    # People choose user names and ids, so a cell may start like a formula.
    csv.writer(out).writerow([guarded(cell) if isinstance(cell, str) else cell for cell in cells.values()])
    return out.getvalue()


def _ndjson(values: dict[str, object]) -> str:
    return json.dumps(values, ensure_ascii=False) + "\n"


#: What comes first, and how a line is written.
WRITERS: dict[str, tuple[str, Callable[[dict[str, object]], str]]] = {
    "csv": (",".join(_COLUMNS) + "\r\n", _csv),
    "ndjson": ("", _ndjson),
}
MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}
