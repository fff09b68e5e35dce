"""Reads archives for the audit log: the jobs side of audit.archive.port."""

from __future__ import annotations

from collections.abc import Mapping

from audit.archive.port import ArchivedFile
from jobs.history import files
from jobs.models import JobArchive


class StoredArchives:
    """The archives in the store of results."""

    def read(self, file: ArchivedFile) -> bytes | None:
        return files.read(file)

    def names_of_jobs(self) -> set[str]:
        return set(JobArchive.objects.values_list("name", flat=True))

    def problem(self, details: Mapping[str, object]) -> str:
        file = ArchivedFile(str(details["name"]), int(str(details["size"])), str(details["sha256"]))
        archive = JobArchive.objects.filter(name=file.name).first()
        if archive is None or archive.details() != details:
            return f"the row of the archive {file.name} is missing or was changed"
        if files.read_compressed(file) is None:
            return f"the archive {file.name} is missing or was changed"
        return ""
