"""Looks into the history: jobs and audit entries in archives."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from audit.archive.models import AuditArchive
from audit.archive.port import ArchivedFile
from jobs.history import files
from jobs.models import JobArchive


class Kind(StrEnum):
    JOB = "job"
    AUDIT = "audit"


_ARCHIVES: dict[Kind, QuerySet[Any]] = {
    Kind.JOB: JobArchive.objects.order_by("-last_at"),
    Kind.AUDIT: AuditArchive.objects.order_by("-first_sequence").defer("hashes"),
}
#: The column with the time of a job or entry, and that with its tenant.
_TIME = {Kind.JOB: "queued_at", Kind.AUDIT: "timestamp"}
_TENANT = {Kind.JOB: "tenant_id", Kind.AUDIT: "tenant"}


class Found(NamedTuple):
    """A job, with all that belonged to it, or an audit entry: its columns."""

    kind: Kind
    at: datetime
    values: dict[str, Any]


@dataclass(frozen=True)
class Search:
    """What to look for. All of it must match."""

    #: Anywhere in a job or entry, in upper or lower case.
    text: str = ""
    since: datetime | None = None
    #: Excluded.
    until: datetime | None = None
    #: None: of all tenants.
    tenant_id: int | None = None

    def run(self, kind: Kind, *, on_bad: Callable[[str], None]) -> Iterator[Found]:
        """Yield what matches, roughly the newest first. `on_bad` gets the name of each archive that can't be used.

        Raise ArchiveUnavailable.
        """
        archives = _ARCHIVES[kind].all()
        if self.since:
            archives = archives.filter(last_at__gte=self.since)
        if self.until:
            archives = archives.filter(first_at__lt=self.until)
        # Names only: no query may be open for as long as the search takes.
        for name, size, sha256 in list(archives.values_list("name", "size", "sha256")):
            content = files.read(ArchivedFile(name, size, sha256))
            if content is None:
                on_bad(name)
                continue
            yield from self._matches(kind, content)

    def _matches(self, kind: Kind, content: bytes) -> Iterator[Found]:
        # As it is written in JSON.
        text = json.dumps(self.text, ensure_ascii=False)[1:-1].casefold()
        for line in reversed(content.splitlines()):
            if text and text not in line.decode().casefold():
                continue
            values = json.loads(line)
            at = datetime.fromisoformat(values[_TIME[kind]])
            in_time = (not self.since or at >= self.since) and (not self.until or at < self.until)
            if in_time and self.tenant_id in (None, values[_TENANT[kind]]):
                yield Found(kind, at, values)


def find_job(job_id: UUID, *, on_bad: Callable[[str], None]) -> dict[str, Any] | None:
    """Return all that is known of an archived job; None if there is no such job."""
    found = Search(str(job_id)).run(Kind.JOB, on_bad=on_bad)
    return next((entry.values for entry in found if entry.values["id"] == str(job_id)), None)


def entries_about(target_id: str, *, since: datetime, on_bad: Callable[[str], None]) -> list[dict[str, Any]]:
    """Return the archived audit entries about an object, the oldest first."""
    found = Search(target_id, since=since).run(Kind.AUDIT, on_bad=on_bad)
    return sorted(
        (entry.values for entry in found if entry.values["target_id"] == target_id), key=lambda v: v["sequence"]
    )
