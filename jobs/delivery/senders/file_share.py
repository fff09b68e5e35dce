"""Delivery to the folder in REPORTSERVER_FILE_SHARE. Each tenant has its own folder in it."""

from __future__ import annotations

import hashlib
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

    A schedule says the names. Others consist of the report's slug, the time, the job's id and the format's extension.
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
                    _publish(draft, folder / file_name(result, file), result, file)
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


def _publish(draft: Path, path: Path, result: OutgoingResult, file: StoredFile) -> None:
    if result.options.get("exists") != "fail":
        rename_durably(draft, path)
        return
    try:
        # A rename would replace a file that somebody writes at this moment.
        path.hardlink_to(draft)
    except FileExistsError:
        # An earlier attempt may have written it and died before that was recorded.
        with path.open("rb") as existing:
            if hashlib.file_digest(existing, "sha256").hexdigest() != file.sha256:
                raise Undeliverable("The file share already has a file of this name.", permanent=True) from None


def file_name(result: OutgoingResult, file: StoredFile) -> str:
    """Return the name of a delivered file: the same in each attempt."""
    job, extension = result.job, RENDERERS[file.format].extension
    if not result.options:
        return f"{job.report_slug}-{job.queued_at:%Y%m%d-%H%M%S}-{job.pk}.{extension}"
    stem = result.target.rpartition("/")[2]
    return f"{stem}-{result.id}.{extension}" if result.options["exists"] == "new" else f"{stem}.{extension}"


def target_folder(result: OutgoingResult, root: Path) -> Path:
    """Return the folder of the delivered files. Raise Undeliverable if it isn't inside the tenant's folder."""
    tenant_folder = (root / result.job.tenant.slug).resolve()
    # A schedule says the whole path, without the extension; a report only the folder.
    target = result.target.rpartition("/")[0] if result.options else result.target
    folder = (tenant_folder / target).resolve()
    if not tenant_folder.is_relative_to(root.resolve()) or not folder.is_relative_to(tenant_folder):
        raise Undeliverable("The path leads out of the file share.", permanent=True)
    return folder
