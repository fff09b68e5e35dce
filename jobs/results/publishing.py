"""Turns a finished file into a result. Runs in the processes that run reports, so it uses no settings and no models."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from common.files import rename_durably


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """A published file. `size` is in bytes, `sha256` in hexadecimal; the stamp tells whether it was changed since."""

    format: str
    size: int
    sha256: str
    stamp: str


def publish(draft: Path, final: Path) -> str:
    """Rename a synced draft to its final path, durably. Return its stamp."""
    rename_durably(draft, final)
    with final.open("rb") as file:
        return file_stamp(file)


def file_stamp(file: BinaryIO) -> str:
    """Return a text of size, times and inode, which changes if the file is written, replaced or restored."""
    status = os.fstat(file.fileno())
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}-{status.st_ino}"
