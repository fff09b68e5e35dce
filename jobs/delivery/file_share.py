"""Files in the folder that REPORTSERVER_FILE_SHARE names; each tenant has a folder of its own in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

from common.files import rename_durably
from jobs.delivery.base import OutgoingResult, Undeliverable


class FileShare:
    """The file appears whole or not at all, under a name made of the report's slug, the time and the job's id."""

    def targets(self, options: Mapping[str, Any]) -> Iterator[str]:
        yield options["path"]

    def send(self, parcel: OutgoingResult) -> None:
        if settings.FILE_SHARE is None:
            raise Undeliverable("This server has no file share.")
        try:
            _put(parcel, place(parcel, settings.FILE_SHARE))
        except OSError as error:
            raise Undeliverable("The file share can't be written.") from error


def place(parcel: OutgoingResult, root: Path) -> Path:
    """Where the file goes. What was typed only ever names a folder inside of the tenant's one."""
    own = (root / parcel.job.tenant.slug).resolve()
    folder = (own / parcel.target).resolve()
    if not own.is_relative_to(root.resolve()) or not folder.is_relative_to(own):
        raise Undeliverable("The path leads out of the file share.", permanent=True)
    job = parcel.job
    return folder / f"{job.report_slug}-{job.queued_at:%Y%m%d-%H%M%S}-{job.pk}.{parcel.extension}"


def _put(parcel: OutgoingResult, final: Path) -> None:
    final.parent.mkdir(parents=True, exist_ok=True)
    draft = final.with_name(f".{parcel.id}.part")
    try:
        with parcel.open() as source, draft.open("wb") as file:
            shutil.copyfileobj(source, file, 2**20)
            file.flush()
            os.fsync(file.fileno())
        rename_durably(draft, final)
    finally:
        draft.unlink(missing_ok=True)
