"""How a finished file becomes a result. Used by the processes that run reports, so it knows no settings and no rows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from common.files import rename_durably


def publish(draft: Path, final: Path) -> str:
    """Move a file that was synced to its final name, durably, and return its stamp."""
    rename_durably(draft, final)
    with final.open("rb") as file:
        return file_stamp(file)


def file_stamp(file: BinaryIO) -> str:
    """Size, times and inode of an open file: a cheap way to notice that it is no longer the file that was written."""
    status = os.fstat(file.fileno())
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}-{status.st_ino}"
