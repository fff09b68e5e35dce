"""Result files. A file's place follows from the job's id, the fence and the format; nothing a person typed is in it."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from django.conf import settings

from jobs.exceptions import ResultMissing
from jobs.results.publishing import file_stamp

#: How a folder is opened that is only gone through.
_FOLDER = os.O_PATH | os.O_DIRECTORY


def result_path(job_id: UUID, fence: int, extension: str) -> Path:
    """Where the file of that attempt is, once it is whole."""
    return job_folder(job_id) / f"{fence}.{extension}"


def draft_path(job_id: UUID, fence: int) -> Path:
    """Where the file of that attempt grows. Its folder is made if need be."""
    path = job_folder(job_id) / f"{fence}.part"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def spill_folder(job_id: UUID, fence: int) -> Path:
    """The folder of what that attempt has no room for in memory."""
    return job_folder(job_id) / f"{fence}.spill"


def job_folder(job_id: UUID) -> Path:
    """The folder of one job. Two levels: a folder of a million entries is slow on every file system."""
    return Path(settings.ARTIFACTS_DIR) / job_id.hex[:2] / str(job_id)


def open_verified(path: Path, *, size: int, sha256: str, stamp: str) -> BinaryIO:
    """Open a result for reading. ResultMissing if it is gone, is not the file that was written, or is elsewhere.

    Reading 200 MB to compare digests takes longer than a first byte may, so the digest is only recomputed when the
    stamp differs, as it does after a restore from backup or a manipulation.
    """
    try:
        file = os.fdopen(_open_inside(path), "rb", buffering=0)
    except OSError as error:
        raise ResultMissing from error
    if file_stamp(file) != stamp and not _is_same(file, size, sha256):
        file.close()
        raise ResultMissing
    return file


def delete_job_files(job_id: UUID) -> None:
    """Delete every file of a job. Nothing to delete is fine."""
    shutil.rmtree(job_folder(job_id), ignore_errors=True)


def delete_attempt_files(job_id: UUID, fence: int) -> None:
    """Delete what one attempt left. Files of other attempts stay: one of them may be the result."""
    for path in job_folder(job_id).glob(f"{fence}.*"):
        # A process that has lost the job may still be writing: what it makes meanwhile is collected later.
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def job_folders() -> Iterator[tuple[UUID, Path]]:
    """The folders of all jobs that have files. What is not named as one is not ours."""
    for path in Path(settings.ARTIFACTS_DIR).glob("??/*"):
        with contextlib.suppress(ValueError):
            yield UUID(path.name), path


def _open_inside(path: Path) -> int:
    """The descriptor of a regular file of the store, opened without following a link below the store's own folder.
    OSError if there is none."""
    store = Path(settings.ARTIFACTS_DIR)
    *folders, name = path.relative_to(store).parts
    within = os.open(store, _FOLDER)
    try:
        for part in folders:
            outer, within = within, os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=within)
            os.close(outer)
        return _open_regular(name, within)
    finally:
        os.close(within)


def _open_regular(name: str, within: int) -> int:
    # Opening a pipe waits for its other end, unless it is asked not to.
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY, dir_fd=within)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(errno.ENOENT, "No regular file", name)
    os.set_blocking(descriptor, True)
    return descriptor


def _is_same(file: BinaryIO, size: int, sha256: str) -> bool:
    if os.fstat(file.fileno()).st_size != size:
        return False
    found = hashlib.file_digest(file, "sha256")  # type: ignore[arg-type]
    file.seek(0)
    return found.hexdigest() == sha256
