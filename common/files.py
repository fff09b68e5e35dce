"""Files on disk that must survive a crash."""

from __future__ import annotations

import os
from pathlib import Path


def rename_durably(source: Path, target: Path) -> None:
    """Rename a file that was synced, and sync its folder: without that, a power cut can undo the rename."""
    source.rename(target)
    sync_folder(target.parent)


def sync_folder(path: Path) -> None:
    """Let what was created and renamed in the folder survive a power cut."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
