"""The files of archives, in the store of results: gzipped lines of JSON."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings

from audit.archive.port import ArchivedFile, ArchiveUnavailable
from common.files import sync_folder
from jobs.exceptions import ResultMissing, StorageUnavailable, WrongStore
from jobs.results import store
from jobs.results.stores.base import Store
from jobs.results.stores.folder import FolderStore
from jobs.results.stores.objects import ObjectStore

#: Below it are all archives. No job's folder has such a name.
FOLDER = "history"
_SUFFIX, _DRAFT_SUFFIX = ".ndjson.gz", ".part"
#: More than any archive has, uncompressed: what somebody put in the place of one may be a bomb.
_MAX_BYTES = 256 << 20


def new_name(kind: str) -> str:
    """Return the name of a new archive."""
    return f"{FOLDER}/{kind}/{secrets.token_hex(16)}{_SUFFIX}"


def write(name: str, lines: Iterable[bytes]) -> ArchivedFile:
    """Write a file of the store, read it again, and compare. Raise ArchiveUnavailable or OSError."""
    draft, digest = _draft(name), hashlib.sha256()
    try:
        _make_folder(draft.parent)
        with draft.open("wb") as file:
            with gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0) as compressed:
                for line in lines:
                    digest.update(line)
                    compressed.write(line)
            file.flush()
            os.fsync(file.fileno())
        content = draft.read_bytes()
        written = ArchivedFile(name, len(content), hashlib.sha256(content).hexdigest())
        store.current().publish(draft, name)
    except StorageUnavailable as error:
        raise ArchiveUnavailable(_sentence(error)) from error
    finally:
        draft.unlink(missing_ok=True)
    # As whoever looks for something in it will: what can't be read again is no archive.
    stored = read(written)
    if stored is None or hashlib.sha256(stored).digest() != digest.digest():
        raise ArchiveUnavailable("The store returns another archive than was written.")
    return written


def read(file: ArchivedFile) -> bytes | None:
    """Return the lines; None if the file is gone or was changed. Raise ArchiveUnavailable."""
    compressed = read_compressed(file)
    if compressed is None:
        return None
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(compressed)) as stream:
            lines = stream.read(_MAX_BYTES + 1)
    except (OSError, EOFError):
        return None
    return lines if len(lines) <= _MAX_BYTES else None


def read_compressed(file: ArchivedFile) -> bytes | None:
    """Return the file as it is stored; None if it is gone or was changed. Raise ArchiveUnavailable."""
    try:
        opened = store.current().open_verified(file.name, size=file.size, sha256=file.sha256, stamp="")
        with opened.file:
            content = opened.file.read()
    except ResultMissing:
        _require_store()
        return None
    except StorageUnavailable as error:
        raise ArchiveUnavailable(_sentence(error)) from error
    except OSError as error:
        raise ArchiveUnavailable(f"The store can't be read: {error.strerror}.") from error
    # It was read twice, and may have been replaced in between.
    return content if hashlib.sha256(content).hexdigest() == file.sha256 else None


def copy(file: ArchivedFile, target: Store) -> bool:
    """Copy a file to another store. False if it is there already.

    Raise ResultMissing if it is gone or was changed, and ArchiveUnavailable, StorageUnavailable or OSError.
    """
    with contextlib.suppress(ResultMissing):
        target.open_verified(file.name, size=file.size, sha256=file.sha256, stamp="").file.close()
        return False
    content = read_compressed(file)
    if content is None:
        raise ResultMissing
    folder = target.folder if isinstance(target, FolderStore) else Path(settings.ARTIFACTS_DIR)
    # No draft of an archive, which the next turn would delete.
    draft = folder / f"{file.name}.copy"
    _make_folder(draft.parent)
    try:
        with draft.open("wb") as copied:
            copied.write(content)
            copied.flush()
            os.fsync(copied.fileno())
        target.publish(draft, file.name)
    finally:
        draft.unlink(missing_ok=True)
    target.open_verified(file.name, size=file.size, sha256=file.sha256, stamp="").file.close()
    return True


def delete_drafts() -> None:
    """Delete what processes of this host, or of all that share the folder, left unfinished. Raise OSError."""
    for draft in (Path(settings.ARTIFACTS_DIR) / FOLDER).glob(f"*/*{_DRAFT_SUFFIX}"):
        draft.unlink(missing_ok=True)


def delete(name: str) -> None:
    """Delete a file. No error if it doesn't exist. Raise StorageUnavailable or OSError."""
    if settings.ARTIFACTS_URL:
        ObjectStore(settings.ARTIFACTS_URL).delete([name])
    else:
        (Path(settings.ARTIFACTS_DIR) / name).unlink(missing_ok=True)


def _draft(name: str) -> Path:
    return Path(settings.ARTIFACTS_DIR) / f"{name}{_DRAFT_SUFFIX}"


def _make_folder(folder: Path) -> None:
    """Create the folder of a kind of archives, synced: its file is all that is left of the rows that it has."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Each time, because the process that created them may have been killed before it synced them.
    for parent in list(folder.parents)[:2]:
        sync_folder(parent)


def _require_store() -> None:
    """Raise ArchiveUnavailable if the file may be missing only because its share isn't mounted."""
    try:
        store.check()
    except WrongStore as error:
        raise ArchiveUnavailable(error.message) from error
    except OSError as error:
        raise ArchiveUnavailable(f"The store can't be read: {error.strerror}.") from error


def _sentence(error: StorageUnavailable) -> str:
    return f"{error.reason} {error.remedy}".strip() or error.message
