"""Where the files of data sources may lie: never among the server's own, and for some sources only in certain folders.

Files and folders are compared by device and number, so links, other spellings, mounts and hard links make no
difference.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path

from reports.exceptions import SourceUnusable
from reports.sources.errors import run_error

_OWN = "The data source's location belongs to the server itself."
_LINKED = "The data source's file has several names (hard links), so it could be one of the server's. Copy it."
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
        return self._place_error(location) or self._link_error([location])

    def check(self, *locations: str | Path) -> None:
        """Raise SourceUnusable if one of these files and folders must not be read."""
        for location in locations:
            if sentence := self._place_error(location):
                raise run_error(SourceUnusable, sentence, location)
        if sentence := self._link_error(locations):
            raise run_error(SourceUnusable, sentence, ", ".join(map(str, locations)))

    def _place_error(self, location: str | Path) -> str | None:
        path = Path(os.path.realpath(location))
        around = set(_identities((path, *path.parents)))
        is_kernels = any(given.is_relative_to(top) for given in (path, _absolute(location)) for top in _KERNEL_FOLDERS)
        if is_kernels or around & set(_identities(map(Path, self.protected))):
            return _OWN
        if self.folders is not None and not around & set(_identities(map(Path, self.folders))):
            return _ELSEWHERE
        return None

    def _link_error(self, locations: Iterable[str | Path]) -> str | None:
        """Why the files must not be read if one may be the server's too, under another name."""
        linked = {(status.st_dev, status.st_ino) for status in _statuses(locations) if _is_hard_link(status)}
        if not linked or not self._devices() & {device for device, _ in linked}:
            return None
        # Only for what an operator chose is it worthwhile to search all results. Others would do so as often as they
        # like, in a web process.
        if self.folders is not None:
            return _LINKED
        return _OWN if any(_has_one_of(Path(protected), linked) for protected in self.protected) else None

    def _devices(self) -> set[int]:
        """Those that have files of the server. A file has all its hard links on one device."""
        protected = [Path(path) for path in self.protected]
        # Keys may be on a device of their own.
        below = [Path(entry) for path in protected for entry in _entries(path) if entry.is_dir()]
        return {device for device, _ in _identities((*protected, *below))}


def _absolute(location: str | Path) -> Path:
    """The location without `..`, but with its links."""
    return Path(os.path.abspath(location))  # noqa: PTH100 - resolve() would follow links


def _statuses(paths: Iterable[str | Path]) -> Iterator[os.stat_result]:
    """Of those that exist."""
    for path in paths:
        try:
            yield os.stat(path)  # noqa: PTH116 - a Path for each takes longer
        except OSError:
            continue


def _identities(paths: Iterable[Path]) -> Iterator[Identity]:
    return ((status.st_dev, status.st_ino) for status in _statuses(paths))


def _is_hard_link(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and status.st_nlink > 1


def _has_one_of(folder: Path | str, files: Set[Identity]) -> bool:
    """True if one of the files is below the folder. Folders list the numbers of files: asking for each takes longer."""
    numbers = {number for _, number in files}
    for entry in _entries(folder):
        if entry.is_dir(follow_symlinks=False):
            if _has_one_of(entry.path, files):
                return True
        elif entry.inode() in numbers and not files.isdisjoint(_identities([Path(entry)])):
            return True
    return False


def _entries(folder: Path | str) -> list[os.DirEntry[str]]:
    """What is in a folder; nothing if it isn't there, may not be read, or isn't a folder."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []
