"""Writes a backup."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import QuerySet

from audit.heads.keeping import own_files
from audit.verification import read_head
from jobs.exceptions import ResultMissing
from jobs.history import files, recorded
from jobs.models import Artifact, Deployment
from jobs.results import opening, store
from jobs.results.publishing import StoredFile
from jobs.results.stores.base import MARKER
from reports.uploads.models import UploadedFile
from reports.uploads.storage import file_path
from reportserver.backup import database
from reportserver.backup.manifest import Manifest
from reportserver.keys import NAMES

ARTIFACTS, UPLOADS, KEYS, HEADS = "artifacts", "uploads", "keys", "audit_heads"
FALLBACKS = "data_key_fallbacks"
_BATCH = 200
_BLOCK_BYTES = 1 << 20
#: Parts of the names of variables whose values may be or contain a secret.
_SECRETS = ("KEY", "TOKEN", "PASSWORD", "SECRET", "URL", "CREDENTIAL")


class _Missing(NamedTuple):
    """A file that was not copied, and the rows that need it, if these may have been deleted meanwhile."""

    sentence: str
    rows: QuerySet[Any] | None = None


def write_backup(folder: Path) -> Iterator[str]:
    """Write a backup into an empty folder. Yield what could not be copied, as sentences.

    The manifest is written last, and all files are read once more. Raise BadBackup if they aren't as they were written,
    WrongStore or StorageUnavailable if the store of results can't be used, and OSError.
    """
    store.check()
    _write_keys(folder / KEYS)
    # Before the database: what the heads say was committed before.
    heads = own_files()[0].path
    if heads.exists():
        shutil.copyfile(heads, folder / HEADS)
    with database.snapshot(folder):
        manifest = _describe()
        missing = list(_copy_uploads(folder / UPLOADS))
        if not settings.ARTIFACTS_URL:
            missing += _copy_results(folder / ARTIFACTS)
    # Asked of the database as it is now.
    yield from (file.sentence for file in missing if file.rows is None or file.rows.exists())
    manifest.write(folder)
    Manifest.read(folder)


def environment_settings() -> dict[str, str]:
    """The variables of this installation. Those that may contain a secret are named, without their value."""
    names = sorted(name for name in os.environ if name.startswith("REPORTSERVER_") or name in ("HOST", "PORT"))
    return {name: "" if any(part in name for part in _SECRETS) else os.environ[name] for name in names}


def _describe() -> Manifest:
    head = read_head()
    deployment = Deployment.objects.filter(pk=1).first()
    return Manifest(
        vendor=connection.vendor,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        migrations=[list(key) for key in sorted(MigrationRecorder(connection).applied_migrations())],
        rows=database.row_counts(),
        audit_head=[head.sequence, head.hash],
        deployment_id=deployment.identifier if deployment else settings.DEPLOYMENT_ID,
        artifacts_url=settings.ARTIFACTS_URL,
        settings=environment_settings(),
    )


def _write_keys(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    for name in NAMES:
        value = settings.DATA_KEYS[0] if name == "DATA_KEY" else getattr(settings, name)
        _write_secret(folder / name.lower(), value)
    if len(settings.DATA_KEYS) > 1:
        _write_secret(folder / FALLBACKS, ",".join(settings.DATA_KEYS[1:]))


def _write_secret(path: Path, value: str) -> None:
    path.touch(mode=0o600)
    path.write_text(f"{value}\n")


def _copy_uploads(target: Path) -> Iterator[_Missing]:
    """Copy all uploads of the snapshot. Yield those that are missing."""
    for upload in list(UploadedFile.objects.all()):
        path = file_path(upload)
        copy = target / path.relative_to(settings.UPLOADS_DIR)
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            shutil.copyfile(path, copy)
        except FileNotFoundError:
            yield _Missing(f"The uploaded table {upload} is missing.", UploadedFile.objects.filter(pk=upload.pk))


def _copy_results(target: Path) -> Iterator[_Missing]:
    """Copy all results, kept rows and archives of the snapshot. Yield those that are missing."""
    target.mkdir(mode=0o700)
    shutil.copyfile(Path(settings.ARTIFACTS_DIR) / MARKER, target / MARKER)
    for archive in recorded.archived_files():
        (target / archive.name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        content = files.read_compressed(archive)
        if content is None:
            yield _Missing(f"The archive {archive.name} is missing or was changed.")
        else:
            (target / archive.name).write_bytes(content)
    for artifact in _unpurged():
        for file in artifact.all_files:
            try:
                _copy_result(artifact, file, target)
            except ResultMissing:
                sentence = f"The {file.format} file of job {artifact.job_id} is missing or was changed."
                yield _Missing(sentence, Artifact.objects.filter(pk=artifact.pk, purged_at=None))


def _copy_result(artifact: Artifact, file: StoredFile, target: Path) -> None:
    name = opening.name_of(artifact.job, artifact, file)
    opened = store.current().open_verified(name, size=file.size, sha256=file.sha256, stamp=file.stamp)
    (target / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with opened.file as original, (target / name).open("wb") as copy:
        _copy_bytes(original, copy)


def _copy_bytes(original: BinaryIO, copy: BinaryIO) -> None:
    while block := original.read(_BLOCK_BYTES):
        copy.write(block)


def _unpurged() -> Iterator[Artifact]:
    last = 0
    unpurged = Artifact.objects.filter(purged_at=None).select_related("job__split").order_by("pk")
    while batch := list(unpurged.filter(pk__gt=last)[:_BATCH]):
        yield from batch
        last = batch[-1].pk


def is_usable_folder(folder: Path) -> bool:
    """True if the folder is empty, or can be created."""
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
