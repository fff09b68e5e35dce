"""Exports the entries that a filter selects, line by line, however many there are."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC

from django.conf import settings

from audit.models import AuditLog
from audit.querysets import AuditLogQuerySet
from common.csv_guard import guarded

MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}
_COLUMNS = (
    "sequence", "timestamp", "actor", "actorId", "action", "targetType", "targetId", "details", "previousHash", "hash",
)  # fmt: skip


def lines(entries: AuditLogQuerySet, format: str) -> Iterator[str]:
    """The lines of the file, newest entry first, several lines at a time.

    Read in batches, so a client that takes an hour to download doesn't keep a transaction open.
    """
    header, to_line = _FORMATS[format]
    yield header
    remaining = entries.order_by("-sequence")
    while batch := list(remaining[: settings.AUDIT_BATCH_ENTRIES]):
        yield "".join(to_line(_values(entry)) for entry in batch)
        remaining = entries.order_by("-sequence").filter(sequence__lt=batch[-1].sequence)


def _values(entry: AuditLog) -> dict[str, object]:
    timestamp = entry.timestamp.astimezone(UTC).isoformat().replace("+00:00", "Z")
    target = (entry.target_type, entry.target_id)
    values = (entry.sequence, timestamp, entry.actor, entry.actor_id, entry.action, *target, entry.details)
    return dict(zip(_COLUMNS, (*values, entry.previous_hash, entry.hash), strict=True))


def _csv_line(values: dict[str, object]) -> str:
    cells = values | {"details": json.dumps(values["details"], ensure_ascii=False)}
    line = io.StringIO()
    # People choose user names and ids, so a cell may start like a formula.
    csv.writer(line).writerow([guarded(cell) if isinstance(cell, str) else cell for cell in cells.values()])
    return line.getvalue()


#: By format: the header, and the function that writes an entry.
_FORMATS: dict[str, tuple[str, Callable[[dict[str, object]], str]]] = {
    "csv": (",".join(_COLUMNS) + "\r\n", _csv_line),
    "ndjson": ("", lambda values: json.dumps(values, ensure_ascii=False) + "\n"),
}
