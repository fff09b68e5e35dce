"""A folder as the store of results: the default, and on several hosts a share."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from common.files import rename_durably
from jobs.exceptions import ResultMissing, StorageUnavailable
from jobs.results.stores.base import MARKER, OpenedFile, job_prefix

#: Opens a folder only to look up a name in it.
_LOOKUP_FLAGS = os.O_PATH | os.O_DIRECTORY
#: O_NONBLOCK: opening a pipe that somebody put in place of a result would otherwise wait for its other end.
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
#: The file isn't there, or a link or something else is in its place or in its folder's.
_NO_SUCH_FILE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO)


@dataclass(frozen=True)
class FolderStore:
    """Drafts are in the folder, too, so a file is published by giving it its name."""

    folder: Path

    def publish(self, draft: Path, name: str) -> str:
        final = self.folder / name
        rename_durably(draft, final)
        with final.open("rb") as file:
            return file_stamp(file)

    def open_verified(self, name: str, *, size: int, sha256: str, stamp: str) -> OpenedFile:
        with contextlib.ExitStack() as opened, _storage_errors():
            file = opened.enter_context(os.fdopen(self._open(name), "rb", buffering=0))
            found = file_stamp(file)
            if found != stamp:
                is_same = os.fstat(file.fileno()).st_size == size
                if not (is_same and hashlib.file_digest(file, "sha256").hexdigest() == sha256):
                    raise ResultMissing
                file.seek(0)
            opened.pop_all()
        return OpenedFile(file, found)

    def fetch_verified(self, name: str, copy: Path, *, size: int, sha256: str, stamp: str) -> Path:
        self.open_verified(name, size=size, sha256=sha256, stamp=stamp).file.close()
        return self.folder / name

    def delete_job(self, job_id: UUID) -> None:
        shutil.rmtree(self.folder / job_prefix(job_id), ignore_errors=True)

    def read_marker(self) -> str:
        try:
            return (self.folder / MARKER).read_text().strip()
        except FileNotFoundError:
            return ""

    def write_marker(self, text: str) -> None:
        draft = self.folder / f"{MARKER}.part"
        draft.write_text(f"{text}\n")
        rename_durably(draft, self.folder / MARKER)

    def try_writing(self) -> None:
        with tempfile.TemporaryFile(dir=self.folder) as file:
            file.write(b"\0")

    def _open(self, name: str) -> int:
        """Open a regular file without following any symbolic link below the folder. Raise OSError if there is none.

        Each folder is opened relative to the one above it, so a link can't be swapped in between a check and the open.
        """
        *folders, file_name = name.split("/")
        try:
            folder = os.open(self.folder, _LOOKUP_FLAGS)
        except OSError as error:
            raise StorageUnavailable from error
        try:
            for part in folders:
                parent, folder = folder, os.open(part, _LOOKUP_FLAGS | os.O_NOFOLLOW, dir_fd=folder)
                os.close(parent)
            descriptor = os.open(file_name, _FILE_FLAGS, dir_fd=folder)
        finally:
            os.close(folder)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise FileNotFoundError(errno.ENOENT, "Not a regular file", file_name)
        os.set_blocking(descriptor, True)
        return descriptor


def file_stamp(file: BinaryIO) -> str:
    """Return a text of size, times and inode, which changes if the file is written, replaced or restored."""
    status = os.fstat(file.fileno())
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}-{status.st_ino}"


@contextlib.contextmanager
def _storage_errors() -> Iterator[None]:
    """Turn the system's errors into ResultMissing if they say so, else into StorageUnavailable."""
    try:
        yield
    except OSError as error:
        raise (ResultMissing if error.errno in _NO_SUCH_FILE else StorageUnavailable) from error
