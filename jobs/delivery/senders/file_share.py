"""Delivery to the folder in REPORTSERVER_FILE_SHARE. Each tenant has its own folder in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

from common.files import rename_durably
from jobs.delivery.senders.base import OutgoingResult, Undeliverable
from jobs.results.publishing import StoredFile
from reports.rendering import RENDERERS


class FileShare:
    """Writes each file completely or not at all, and shows none before all of them are written.

    A name consists of the report's slug, the time, the job's id and the format's extension.
    """

    def targets(self, options: Mapping[str, Any]) -> Iterator[str]:
        yield options["path"]

    def send(self, result: OutgoingResult) -> None:
        if settings.FILE_SHARE is None:
            raise Undeliverable("No file share is configured.")
        try:
            folder = target_folder(result, settings.FILE_SHARE)
            folder.mkdir(parents=True, exist_ok=True)
            # Those of earlier attempts. One that still runs, without its lease, then has nothing to rename.
            for earlier in folder.glob(f".{result.id}.*part"):
                earlier.unlink(missing_ok=True)
            drafts = {
                folder / f".{result.id}.{result.fence}.{file.format}.part": file for file in result.artifact.files
            }
            try:
                for draft, file in drafts.items():
                    _copy(result, file, draft)
                for draft, file in drafts.items():
                    rename_durably(draft, folder / file_name(result, file))
            finally:
                for draft in drafts:
                    draft.unlink(missing_ok=True)
        except OSError as error:
            raise Undeliverable("The file share can't be written to.") from error


def _copy(result: OutgoingResult, file: StoredFile, draft: Path) -> None:
    with result.open(file) as source, draft.open("wb") as target:
        shutil.copyfileobj(source, target, 2**20)
        target.flush()
        os.fsync(target.fileno())


def file_name(result: OutgoingResult, file: StoredFile) -> str:
    """Return the name of a delivered file."""
    job = result.job
    return f"{job.report_slug}-{job.queued_at:%Y%m%d-%H%M%S}-{job.pk}.{RENDERERS[file.format].extension}"


def target_folder(result: OutgoingResult, root: Path) -> Path:
    """Return the folder of the delivered files. Raise Undeliverable if it isn't inside the tenant's folder."""
    tenant_folder = (root / result.job.tenant.slug).resolve()
    folder = (tenant_folder / result.target).resolve()
    if not tenant_folder.is_relative_to(root.resolve()) or not folder.is_relative_to(tenant_folder):
        raise Undeliverable("The path leads out of the file share.", permanent=True)
    return folder
