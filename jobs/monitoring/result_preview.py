"""The first rows of a result whose format is text."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from accounts.models import User
from jobs.models import JobExecutionLog
from jobs.results import downloads

#: Formats that can be previewed.
FORMATS = ("csv", "ndjson", "json")
_MAX_BYTES, _MAX_ROWS, _MAX_COLUMNS, _MAX_CELL = 16_384, 12, 12, 200


def preview(*, job: JobExecutionLog, actor: User) -> list[list[str]]:
    """Return the header and the first rows. Audited like a download, since data is read."""
    head = downloads.first_bytes(job, actor, _MAX_BYTES)
    lines = head.decode("utf-8-sig", "replace").splitlines()
    if len(head) == _MAX_BYTES and len(lines) > 1:
        lines.pop()  # It may be cut off.
    lines = lines[: _MAX_ROWS + 1]
    if job.format == "csv":
        delimiter = ";" if lines and lines[0].count(";") > lines[0].count(",") else ","
        rows = csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter)
        return [[cell[:_MAX_CELL] for cell in row[:_MAX_COLUMNS]] for row in rows]

    # NDJSON, or a JSON array that has one object per line.
    objects: list[dict[str, Any]] = []
    for line in lines:
        try:
            row = json.loads(line.strip().removeprefix("[").removesuffix("]").removesuffix(","))
        except ValueError:
            # The end of the first section.
            if objects:
                break
            continue
        if isinstance(row, dict):
            objects.append(row)
    if not objects:
        return []
    names = list(dict.fromkeys(name for row in objects for name in row))[:_MAX_COLUMNS]
    return [names, *([str(row.get(name, ""))[:_MAX_CELL] for name in names] for row in objects)]
