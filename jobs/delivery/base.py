"""What all kinds of delivery have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol
from uuid import UUID

from django.conf import settings

from jobs.exceptions import ResultMissing
from jobs.models import Artifact, JobExecutionLog
from jobs.results import downloads, storage
from reports.rendering import RENDERERS


class Undeliverable(Exception):
    """It could not be sent. The sentence is shown to everybody who sees the job: no address, host or path in it."""

    def __init__(self, sentence: str, *, permanent: bool = False) -> None:
        super().__init__(sentence)
        #: Whether another try is of no use.
        self.permanent = permanent


@dataclass(frozen=True)
class OutgoingResult:
    """A result on its way to one target. `id` stays the same however often it is sent: receivers tell by it."""

    id: UUID
    job: JobExecutionLog
    target: str

    @property
    def artifact(self) -> Artifact:
        """Raises Undeliverable when the result was deleted since."""
        if self.job.result is None:
            raise Undeliverable("The result was deleted before it could be delivered.", permanent=True)
        return self.job.result

    @property
    def link(self) -> str:
        """The job's page."""
        return f"{settings.PUBLIC_URL}/jobs/{self.job.pk}"

    @property
    def filename(self) -> str:
        return " ".join(downloads.filename(self.job).split())

    @property
    def extension(self) -> str:
        return RENDERERS[self.job.format].extension

    def open(self) -> BinaryIO:
        """The result file, once it is seen to be the one that was written."""
        kept = self.artifact
        path = storage.result_path(self.job.pk, kept.fence, self.extension)
        try:
            return storage.open_verified(path, size=kept.size, sha256=kept.sha256, stamp=kept.stamp)
        except ResultMissing:
            raise Undeliverable("The result's file is missing.", permanent=True) from None


class Sender(Protocol):
    """One kind of delivery target."""

    def targets(self, options: Mapping[str, Any]) -> Iterator[str]:
        """The single targets that the options of a definition name, each of which is sent to by itself."""
        ...

    def send(self, parcel: OutgoingResult) -> None:
        """Send, in well under a minute. Raises Undeliverable; anything else is tried again too."""
        ...
