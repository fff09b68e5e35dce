"""The port to the store in which archives are: the jobs app's, which this app must not import. See jobs.apps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol


class ArchiveUnavailable(Exception):
    """The store of the archives can't be read now, so nothing is known of them. The message is a sentence."""


class ArchivedFile(NamedTuple):
    """A file that is complete in the store. `size` is in bytes, `sha256` in hexadecimal."""

    name: str
    size: int
    sha256: str


class Archives(Protocol):
    """Compressed files of lines."""

    def read(self, file: ArchivedFile) -> bytes | None:
        """Return the file's content, uncompressed; None if it is gone or was changed. Raise ArchiveUnavailable."""
        ...

    def names_of_jobs(self) -> set[str]:
        """Return the names of all archives of jobs that the database knows."""
        ...

    def problem(self, details: Mapping[str, object]) -> str:
        """Return what is wrong with the archive of jobs that an entry of the log describes; "" if nothing is.

        Raise ArchiveUnavailable.
        """
        ...


_registered: list[Archives] = []


def register(archives: Archives) -> None:
    _registered[:] = [archives]


def archives() -> Archives:
    return _registered[0]
