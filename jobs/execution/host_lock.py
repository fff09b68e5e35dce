"""Which jobservers of this machine still live: each holds a lock on a file, which the kernel frees when it ends.

The lock is inherited by every process that a jobserver forks, so it is free only when none of its workers runs either.
Locks of other machines are not judged: whether they reach this one depends on the file system. Their jobs come back
when the leases run out.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

#: Names the jobserver that a process belongs to.
INSTANCE_VARIABLE = "REPORTSERVER_INSTANCE"


@dataclass(frozen=True)
class HostLock:
    """A jobserver's own lock."""

    path: Path
    file: int

    def forget(self) -> None:
        """At a stop that is an orderly one."""
        self.path.unlink(missing_ok=True)
        os.close(self.file)


@dataclass(frozen=True)
class StaleHost:
    """A jobserver that ended without a word. Nobody else looks at it meanwhile."""

    instance: str
    path: Path

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)


def lock_host(instance: str) -> HostLock:
    """Hold a lock for as long as this process or one that it forks lives."""
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    unseen = folder / f".{instance}"
    file = os.open(unseen, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(file, fcntl.LOCK_EX)
    path = folder / f"{instance}.{_boot()}"
    unseen.rename(path)
    return HostLock(path, file)


def stale_hosts() -> Iterator[StaleHost]:
    """The jobservers of this machine that have left a file and no process."""
    for path in _folder().glob(f"[!.]*.{_boot()}"):
        with contextlib.suppress(FileNotFoundError, BlockingIOError), path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield StaleHost(path.name.partition(".")[0], path)


def _folder() -> Path:
    return Path(settings.DATA_DIR) / "instances"


def _boot() -> str:
    """This machine, from its last start on: what containers on it have in common."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
