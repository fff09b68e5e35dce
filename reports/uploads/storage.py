"""Where uploaded files are kept. A path is derived from ids and a checked table name, never from what a user sent."""

from __future__ import annotations

import os
import shutil
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from common.files import rename_durably, sync_folder
from reports.exceptions import UploadLost
from reports.uploads.models import UploadedFile

if TYPE_CHECKING:
    from reports.models import DataSource

#: Folders without a row that are older were left by a crash.
_STRAY_SECONDS = 3600


def source_folder(source_id: UUID) -> Path:
    return Path(settings.UPLOADS_DIR) / str(source_id)


def uploads_location(source: DataSource) -> str:
    """What the source has as its location: for people, and for servers before uploads, which refuse to read it."""
    return f"uploads/{source.pk}"


def file_path(file: UploadedFile) -> Path:
    """Return the path of a version. The file's own name is that of its table."""
    return _version_folder(file.source_id, file.pk) / f"{file.table}{file.suffix}"


def store(draft: Path, file: UploadedFile) -> None:
    """Move a draft to where the file belongs, synced. The draft must be in the folder of uploads."""
    path = file_path(file)
    path.parent.mkdir(parents=True, mode=0o700)
    with draft.open("rb") as content:
        os.fsync(content.fileno())
    rename_durably(draft, path)
    for folder in list(path.parents)[1:3]:
        sync_folder(folder)


def link(old: UploadedFile, new: UploadedFile) -> None:
    """Make the file of a version another version's, too, synced. Raises UploadLost if it is missing."""
    path = file_path(new)
    path.parent.mkdir(parents=True, mode=0o700)
    try:
        os.link(file_path(old), path)
    except FileNotFoundError:
        path.parent.rmdir()
        raise UploadLost from None
    for folder in list(path.parents)[:2]:
        sync_folder(folder)


def delete_version(source_id: UUID, file_id: UUID) -> None:
    shutil.rmtree(_version_folder(source_id, file_id), ignore_errors=True)


def _version_folder(source_id: UUID, file_id: UUID) -> Path:
    return source_folder(source_id) / str(file_id)


def delete_files_of(instance: DataSource, **_: Any) -> None:
    """Delete the files of a source once it is deleted. Connected to post_delete."""
    if instance.is_uploads:
        transaction.on_commit(partial(shutil.rmtree, source_folder(instance.pk), ignore_errors=True))


def delete_stray(source_id: UUID) -> None:
    """Delete what uploads that were interrupted have left of this source."""
    known = {str(pk) for pk in UploadedFile.objects.filter(source=source_id).values_list("pk", flat=True)}
    for path in source_folder(source_id).glob("*"):
        if path.name not in known and time.time() - path.stat().st_mtime > _STRAY_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
