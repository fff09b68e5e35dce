"""Folders in memory, and small disks in them. Those of a run that was killed are cleared away by the next one."""

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

_MEMORY = Path("/dev/shm")  # noqa: S108 - fresh folders in it
#: What it is for, the process that made it, and what mkdtemp adds.
_NAME = re.compile(r"faults-[a-z]+-(\d+)-\w+")


def memory_folder(purpose: str) -> Path:
    """In memory where there is such a place: a disk that others keep busy only adds minutes of waiting."""
    place = _MEMORY if os.access(_MEMORY, os.W_OK) else Path(gettempdir())
    _clear_strays(place)
    return Path(mkdtemp(prefix=f"faults-{purpose}-{os.getpid()}-", dir=place))


@contextmanager
def small_disk(place: Path) -> Iterator[None]:
    """That folder on a file system of 64 MB, which a test can fill. Only the superuser may make one: else none."""
    place.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", "size=64m,mode=700", "tmpfs", place]
    made = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield
    finally:
        if made:
            subprocess.run(["umount", "--lazy", place], check=True)


def _clear_strays(place: Path) -> None:
    for folder in place.iterdir():
        if _is_stray(folder) and all(map(_unmounted, _mounts_in(folder))):
            shutil.rmtree(folder, ignore_errors=True)


def _is_stray(folder: Path) -> bool:
    """Whether it is a folder of ours whose maker is gone. A process that has the maker's number by now only keeps it
    for longer."""
    match = _NAME.fullmatch(folder.name)
    if match is None or psutil.pid_exists(int(match.group(1))):
        return False
    # Everybody may put anything here, also a link to what must not be deleted.
    return folder.is_dir() and not folder.is_symlink() and folder.stat().st_uid == os.getuid()


def _mounts_in(folder: Path) -> list[str]:
    mounts = (line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())
    return [place for place in mounts if place.startswith(f"{folder}/")]


def _unmounted(place: str) -> bool:
    done = subprocess.run(["umount", "--lazy", place], capture_output=True, check=False)
    return done.returncode == 0
