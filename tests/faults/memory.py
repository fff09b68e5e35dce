"""Folders in memory, and small disks in them. Each run deletes those of earlier runs that were killed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir, mkdtemp

import psutil

from jobs.results.stores.folder import FolderStore

_MEMORY = Path("/dev/shm")  # noqa: S108 - new folders in it
#: The purpose, the id of the process that created the folder, and the characters that mkdtemp adds.
_NAME = re.compile(r"faults-[a-z]+-(\d+)-\w+")


def memory_folder(purpose: str) -> Path:
    """Create a folder in memory, if possible: a disk that other programs keep busy only adds minutes of waiting."""
    parent = _MEMORY if os.access(_MEMORY, os.W_OK) else Path(gettempdir())
    for folder in parent.iterdir():
        if _is_stray(folder) and all(map(_unmount, _mounts_in(folder))):
            shutil.rmtree(folder, ignore_errors=True)
    return Path(mkdtemp(prefix=f"faults-{purpose}-{os.getpid()}-", dir=parent))


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount a file system of 64 MB, which a test can fill, on this folder. Does nothing for users other than root.

    It has the marker that the folder has.
    """
    folder.mkdir(exist_ok=True)
    marker = FolderStore(folder).read_marker()
    command = ["mount", "-t", "tmpfs", "-o", "size=64m,mode=700", "tmpfs", folder]
    is_mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    FolderStore(folder).write_marker(marker)
    try:
        yield
    finally:
        if is_mounted:
            subprocess.run(["umount", "--lazy", folder], check=True)


def _is_stray(folder: Path) -> bool:
    """True if a process that has ended created the folder with `memory_folder`."""
    match = _NAME.fullmatch(folder.name)
    # If another process has the same id by now, the folder is only kept for longer.
    if match is None or psutil.pid_exists(int(match.group(1))):
        return False
    # Everybody may create anything here, including a link to something that must not be deleted.
    return folder.is_dir() and not folder.is_symlink() and folder.stat().st_uid == os.getuid()


def _mounts_in(folder: Path) -> list[str]:
    mount_points = (line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())
    return [mount_point for mount_point in mount_points if mount_point.startswith(f"{folder}/")]


def _unmount(mount_point: str) -> bool:
    return subprocess.run(["umount", "--lazy", mount_point], capture_output=True, check=False).returncode == 0
