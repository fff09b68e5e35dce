"""The archives that the database knows."""

from __future__ import annotations

from collections.abc import Iterator

from audit.archive.models import AuditArchive
from audit.archive.port import ArchivedFile
from jobs.models import JobArchive


def archived_files() -> Iterator[ArchivedFile]:
    """Yield the file of each archive, of jobs and of the audit log."""
    columns = ("name", "size", "sha256")
    for archives in (JobArchive.objects.order_by("pk"), AuditArchive.objects.order_by("pk")):
        for values in list(archives.values_list(*columns)):
            yield ArchivedFile(*values)
