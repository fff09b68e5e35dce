"""Where the files of data sources may lie: never among the server's own, and for some sources only in certain folders.

Files and folders are compared by device and number, so links, other spellings, mounts and hard links make no
difference.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reports.exceptions import SourceUnusable
from reports.sources.errors import run_error

_OWN = "The data source's location belongs to the server itself."
_ELSEWHERE = "The data source's location is not in a folder that the server's operator allows."
#: Below these, paths mean something else to each process, or aren't files.
_KERNEL_FOLDERS = (Path("/proc"), Path("/sys"), Path("/dev/fd"))

#: Device and number.
Identity = tuple[int, int]


@dataclass(frozen=True)
class LocationRules:
    """`protected` are files and folders of the server. `folders` are those that are allowed; None: all others."""

    protected: tuple[str, ...]
    folders: tuple[str, ...] | None = None

    def error(self, location: str | Path) -> str | None:
        """Why this file or folder must not be read, in a sentence; None if it may. It needn't exist."""
        path = Path(os.path.realpath(location))
        around = set(_identities((path, *path.parents)))
        is_kernels = any(given.is_relative_to(top) for given in (path, _absolute(location)) for top in _KERNEL_FOLDERS)
        if is_kernels or around & set(_identities(map(Path, self.protected))) or self._is_hard_link(path):
            return _OWN
        if self.folders is not None and not around & set(_identities(map(Path, self.folders))):
            return _ELSEWHERE
        return None

    def check(self, location: str | Path) -> None:
        """Raise SourceUnusable if the file or folder must not be read."""
        if sentence := self.error(location):
            raise run_error(SourceUnusable, sentence, location)

    def _is_hard_link(self, path: Path) -> bool:
        """True if the file is also one of the server's, under another name."""
        try:
            status = path.stat()
        except OSError:
            return False
        if not path.is_file() or status.st_nlink == 1:
            return False
        own = (status.st_dev, status.st_ino)
        return any(own in _identities(_files_below(Path(protected))) for protected in self.protected)


def _absolute(location: str | Path) -> Path:
    """The location without `..`, but with its links."""
    return Path(os.path.abspath(location))  # noqa: PTH100 - resolve() would follow links


def _identities(paths: Iterator[Path] | tuple[Path, ...]) -> Iterator[Identity]:
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            continue
        yield status.st_dev, status.st_ino


def _files_below(path: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(path):
        for name in names:
            yield Path(folder) / name
