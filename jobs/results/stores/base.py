"""What every store of results can do.

Processes that run reports write to a store, so this package uses no settings and no models.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol
from uuid import UUID

from jobs.exceptions import WrongStore

#: The file with the text by which the database knows its store. Not hidden, so that it is copied with the results.
MARKER = "store-id"


class OpenedFile(NamedTuple):
    """A file, and its stamp from before its content was verified."""

    file: BinaryIO
    stamp: str


class Store(Protocol):
    """Where results are. A name is relative to the store: two digits, the job's id and the file, between slashes.

    A store is pickled into the processes that run reports. Its methods raise StorageUnavailable if it is an object
    store that can't be reached, and OSError if it is a folder that can't be used.
    """

    def publish(self, draft: Path, name: str) -> str:
        """Make a synced draft the file of this name, all of it or nothing. Return its stamp. The draft is gone then."""
        ...

    def open_verified(self, name: str, *, size: int, sha256: str, stamp: str) -> OpenedFile:
        """Open a file for reading. Raise ResultMissing if it isn't there or isn't the file that was published.

        Raise StorageUnavailable if that can't be known. The digest is only computed if the stamp differs, as it does
        after a restore from a backup or after tampering: hashing 200 MB takes longer than a client may wait for the
        first byte.
        """
        ...

    def fetch_verified(self, name: str, copy: Path, *, size: int, sha256: str, stamp: str) -> Path:
        """Return the path of a file on this host: its own, or that of `copy`, which is written.

        The folder of the copy is created. Raise as `open_verified` does.
        """
        ...

    def delete_job(self, job_id: UUID) -> None:
        """Delete all files of a job, as far as that is possible now. Tidying deletes the rest."""
        ...

    def read_marker(self) -> str:
        """Return the text of the marker; empty if the store has none."""
        ...

    def write_marker(self, text: str) -> None:
        """Write the marker, durably."""
        ...

    def try_writing(self) -> None:
        """Write something, to find out whether that is possible."""
        ...


def check_marker(store: Store, expected: str) -> None:
    """Raise WrongStore unless the store has this marker. An empty text stands for any."""
    if expected and store.read_marker() != expected:
        raise WrongStore


def job_prefix(job_id: UUID) -> str:
    """Return where a job's files are: below two digits, because a million entries in one folder would be slow."""
    return f"{job_id.hex[:2]}/{job_id}"
