"""Result files on disk. A path is derived from the job's id, the claim and the format, never from user input.

The claim is in the name as the job's `file_stem`: two attempts never write one file.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple
from uuid import UUID

from django.conf import settings

from jobs.exceptions import ResultMissing, StorageUnavailable
from jobs.results.publishing import file_stamp

#: Opens a folder only to look up a name in it.
_LOOKUP_FLAGS = os.O_PATH | os.O_DIRECTORY
#: O_NONBLOCK: opening a pipe that somebody put in place of a result would otherwise wait for its other end.
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
#: The file isn't there, or a link or something else is in its place or in its folder's.
_NO_SUCH_FILE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO)


def file_stem(fence: int, claim_token: str) -> str:
    """Return the name of an attempt's files, without the extension."""
    # Without a token: claimed by a version of the server that had none.
    return f"{fence}-{claim_token}" if claim_token else str(fence)


def job_folder(job_id: UUID) -> Path:
    """Return the folder of one job's files, below a folder per two digits: a million entries in one would be slow."""
    return Path(settings.ARTIFACTS_DIR) / job_id.hex[:2] / str(job_id)


def job_folders() -> Iterator[tuple[UUID, Path]]:
    """Yield each job that has files, with its folder. Folders that aren't named by a job id are skipped."""
    for path in Path(settings.ARTIFACTS_DIR).glob("??/*"):
        with contextlib.suppress(ValueError):
            yield UUID(path.name), path


def result_path(job_id: UUID, stem: str, extension: str) -> Path:
    """Return the path of an attempt's result once it is complete."""
    return job_folder(job_id) / f"{stem}.{extension}"


def draft_path(job_id: UUID, stem: str) -> Path:
    """Return the path at which an attempt writes its result. The process that writes it creates the folder."""
    return result_path(job_id, stem, "part")


def spill_folder(job_id: UUID, stem: str) -> Path:
    """Return the folder for temporary data of an attempt that doesn't fit into memory."""
    return job_folder(job_id) / f"{stem}.spill"


class OpenedFile(NamedTuple):
    """A file, and its stamp from before its content was verified."""

    file: BinaryIO
    stamp: str


def open_verified(path: Path, *, size: int, sha256: str, stamp: str) -> OpenedFile:
    """Open a result for reading. Raise ResultMissing if it isn't there or isn't the file that was published.

    Raise StorageUnavailable if that can't be known.

    Hashing 200 MB takes longer than a client may wait for the first byte. The digest is therefore only computed if the
    stamp differs, as it does after a restore from a backup or after tampering.
    """
    with contextlib.ExitStack() as opened, _storage_errors():
        file = opened.enter_context(os.fdopen(_open_in_store(path), "rb", buffering=0))
        found = file_stamp(file)
        if found != stamp:
            is_same = os.fstat(file.fileno()).st_size == size
            if not (is_same and hashlib.file_digest(file, "sha256").hexdigest() == sha256):
                raise ResultMissing
            file.seek(0)
        opened.pop_all()
    return OpenedFile(file, found)


@contextlib.contextmanager
def _storage_errors() -> Iterator[None]:
    """Turn the system's errors into ResultMissing if they say so, else into StorageUnavailable."""
    try:
        yield
    except OSError as error:
        raise (ResultMissing if error.errno in _NO_SUCH_FILE else StorageUnavailable) from error


def delete_job_files(job_id: UUID) -> None:
    """Delete all files of a job, if there are any."""
    shutil.rmtree(job_folder(job_id), ignore_errors=True)


def delete_attempt_files(job_id: UUID, stem: str) -> None:
    """Delete the files of one attempt. Files of other attempts stay: one of them may be the result."""
    for path in job_folder(job_id).glob(f"{stem}.*"):
        # Errors are ignored because a process that lost the job may still be writing. The reconciler deletes the rest.
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def _open_in_store(path: Path) -> int:
    """Open a regular file without following any symbolic link below the store's root. Raise OSError if there is none.

    Each folder is opened relative to the one above it, so a link can't be swapped in between a check and the open.
    """
    store = Path(settings.ARTIFACTS_DIR)
    *folders, name = path.relative_to(store).parts
    try:
        folder = os.open(store, _LOOKUP_FLAGS)
    except OSError as error:
        raise StorageUnavailable from error
    try:
        for part in folders:
            parent, folder = folder, os.open(part, _LOOKUP_FLAGS | os.O_NOFOLLOW, dir_fd=folder)
            os.close(parent)
        descriptor = os.open(name, _FILE_FLAGS, dir_fd=folder)
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(errno.ENOENT, "Not a regular file", name)
    os.set_blocking(descriptor, True)
    return descriptor
