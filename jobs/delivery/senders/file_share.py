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


class FileShare:
    """Writes the file completely or not at all. Its name consists of the report's slug, the time and the job's id."""

    def targets(self, options: Mapping[str, Any]) -> Iterator[str]:
        yield options["path"]

    def send(self, result: OutgoingResult) -> None:
        if settings.FILE_SHARE is None:
            raise Undeliverable("No file share is configured.")
        try:
            path = target_path(result, settings.FILE_SHARE)
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f".{result.id}.{result.fence}.part")
            # Those of earlier attempts. One that still runs, without its lease, then has nothing to rename.
            for earlier in path.parent.glob(f".{result.id}.*part"):
                earlier.unlink(missing_ok=True)
            try:
                with result.open() as source, draft.open("wb") as file:
                    shutil.copyfileobj(source, file, 2**20)
                    file.flush()
                    os.fsync(file.fileno())
                rename_durably(draft, path)
            finally:
                draft.unlink(missing_ok=True)
        except OSError as error:
            raise Undeliverable("The file share can't be written to.") from error


def target_path(result: OutgoingResult, root: Path) -> Path:
    """Return the path of the delivered file. Raise Undeliverable if it isn't inside the tenant's folder."""
    job = result.job
    tenant_folder = (root / job.tenant.slug).resolve()
    folder = (tenant_folder / result.target).resolve()
    if not tenant_folder.is_relative_to(root.resolve()) or not folder.is_relative_to(tenant_folder):
        raise Undeliverable("The path leads out of the file share.", permanent=True)
    return folder / f"{job.report_slug}-{job.queued_at:%Y%m%d-%H%M%S}-{job.pk}.{result.extension}"
