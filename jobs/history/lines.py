"""The lines of an archive of jobs: one JSON object for each job, with all that belongs to it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Model, prefetch_related_objects

from jobs.models import JobExecutionLog, JobSplit

#: Jobs that are read at once.
_CHUNK = 50
_RELATED = ("events", "deliveries__link")


def lines_of(ids: Sequence[UUID]) -> Iterator[bytes]:
    """Yield the line of each of these jobs, in their order. A job that is gone has none."""
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        jobs = JobExecutionLog.objects.select_related("artifact", "delivery_plan", "split").in_bulk(chunk)
        found = [jobs[pk] for pk in chunk if pk in jobs]
        prefetch_related_objects(found, *_RELATED)
        yield from map(_line, found)


def _line(job: JobExecutionLog) -> bytes:
    values = {
        **_fields(job),
        "events": list(map(_fields, job.events.all())),
        "artifact": _fields(getattr(job, "artifact", None)),
        "delivery_plan": _fields(getattr(job, "delivery_plan", None)),
        "split": _split(getattr(job, "split", None)),
        "deliveries": [
            {**(_fields(delivery) or {}), "link": _fields(getattr(delivery, "link", None))}
            for delivery in job.deliveries.all()
        ],
    }
    line = json.dumps(values, default=_to_json, separators=(",", ":"), ensure_ascii=False)
    # Half of a surrogate pair, which columns of JSON can have, is written as JSON spells it.
    return line.encode(errors="backslashreplace") + b"\n"


def _split(split: JobSplit | None) -> dict[str, Any]:
    """Its columns and those of its pieces, which may be thousands; empty without one."""
    return {**_fields(split), "pieces": list(split.pieces.order_by("key").values())} if split else {}


def _fields(row: Model | None) -> dict[str, Any]:
    """The columns of a row; empty without one."""
    return {field.attname: field.value_from_object(row) for field in row._meta.concrete_fields} if row else {}


def _to_json(value: object) -> str:
    # Django's encoder would cut the digits of a second after the third.
    return value.isoformat() if isinstance(value, datetime) else str(value)
