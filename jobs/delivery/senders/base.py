"""The base classes of all kinds of delivery."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol
from uuid import UUID

from django.conf import settings
from django.utils.translation import ngettext

from jobs.exceptions import ResultMissing, ResultPurged, StorageUnavailable
from jobs.models import Artifact, JobExecutionLog
from jobs.results import downloads
from jobs.results.opening import open_result
from jobs.results.publishing import StoredFile
from reports.rendering import RENDERERS

_DELETED = "The result was deleted before it could be delivered."


class Undeliverable(Exception):
    """The result could not be sent.

    The message is shown to everyone who can see the job, so it contains no address, host or path. `permanent`: another
    attempt would fail too.
    """

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


class Unwanted(Exception):
    """The recipient doesn't want it, or may not have it any more. The message is a sentence."""


@dataclass(frozen=True)
class OutgoingResult:
    """A result to send to one target. The id is the same in each attempt, so that receivers recognize duplicates.

    `fence` is another one in each attempt. `options`: of a schedule's delivery, see jobs.delivery.planning.
    """

    id: UUID
    job: JobExecutionLog
    target: str
    fence: int
    options: Mapping[str, Any] = field(default_factory=dict)
    schedule: UUID | None = None

    @property
    def artifact(self) -> Artifact:
        """The job's result. Raises Undeliverable if it was purged."""
        if self.job.result is None:
            raise Undeliverable(_DELETED, permanent=True)
        return self.job.result

    @property
    def link(self) -> str:
        """The URL of the job's page."""
        return f"{settings.PUBLIC_URL}/jobs/{self.job.pk}"

    @property
    def summary(self) -> str:
        """A sentence about the result, for people who receive it."""
        job, artifact = self.job, self.artifact
        return ngettext(
            "%(name)s is ready: %(rows)s row, %(size)s bytes, %(format)s.",
            "%(name)s is ready: %(rows)s rows, %(size)s bytes, %(format)s.",
            artifact.rows,
        ) % {
            "name": " ".join(job.report_name.split()),
            "rows": f"{artifact.rows:,}",
            "size": f"{artifact.total_size:,}",
            "format": ", ".join(format.upper() for format in job.formats),
        }

    def filename(self, file: StoredFile) -> str:
        if "file_name" in self.options:
            return f"{self.options['file_name']}.{RENDERERS[file.format].extension}"
        # A report's name may contain line breaks, which must not get into a header.
        return " ".join(downloads.filename(self.job, file.format).split())

    def open(self, file: StoredFile) -> BinaryIO:
        """Open one of the result's files. Raise Undeliverable if it is missing or was changed."""
        try:
            opened = open_result(self.job, self.artifact, file)
        except ResultPurged:
            raise Undeliverable(_DELETED, permanent=True) from None
        except ResultMissing:
            raise Undeliverable("The result file is missing.", permanent=True) from None
        except StorageUnavailable as error:
            raise Undeliverable(error.message) from error
        if self.options.get("verify"):
            _verify(opened, file)
        return opened


def _verify(opened: BinaryIO, file: StoredFile) -> None:
    """Compare the whole file with what was written: it was held, perhaps for days."""
    if hashlib.file_digest(opened, "sha256").hexdigest() != file.sha256:  # type: ignore[arg-type]
        opened.close()
        raise Undeliverable("The result file was changed.", permanent=True)
    opened.seek(0)


class Sender(Protocol):
    """One kind of delivery target."""

    def targets(self, options: Mapping[str, Any]) -> Iterator[str]:
        """Yield the targets in the options of a report's delivery. Each gets its own delivery."""
        ...

    def send(self, result: OutgoingResult) -> None:
        """Send the result, however long it takes. Raise Undeliverable; other errors are retried too."""
        ...
