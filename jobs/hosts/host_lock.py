"""Which jobservers of this machine are alive: each holds a lock on a file, which the kernel releases when it ends.

Every process that a jobserver forks inherits the lock, so it is only released once all of its workers have ended, too.
Locks of other machines are ignored, because not every file system passes them on. Jobs of those machines are recovered
when their leases run out.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

#: The environment variable that holds the id of the jobserver that a process belongs to.
INSTANCE_VARIABLE = "REPORTSERVER_INSTANCE"


@dataclass(frozen=True)
class HostLock:
    """The lock of this jobserver."""

    path: Path
    descriptor: int

    def release(self) -> None:
        """Delete the file, at a clean stop."""
        self.path.unlink(missing_ok=True)
        os.close(self.descriptor)


@dataclass(frozen=True)
class StaleHost:
    """A jobserver that ended without releasing its lock."""

    instance: str
    path: Path

    def delete(self) -> None:
        """Delete the file, once nothing of the jobserver is left."""
        self.path.unlink(missing_ok=True)


def lock_host(instance: str) -> HostLock:
    """Take the lock of the jobserver with this id, for as long as this process or one that it forks lives."""
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Locked before it gets its name: otherwise another jobserver could find it unlocked and take it for stale.
    hidden = folder / f".{instance}"
    descriptor = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    path = folder / f"{instance}.{_boot_id()}"
    hidden.rename(path)
    return HostLock(path, descriptor)


def stale_hosts() -> Iterator[StaleHost]:
    """Yield the jobservers of this machine whose processes have all ended, each while this process holds its lock."""
    for path in _folder().glob(f"[!.]*.{_boot_id()}"):
        with contextlib.suppress(FileNotFoundError, BlockingIOError), path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield StaleHost(path.name.partition(".")[0], path)


def _folder() -> Path:
    return Path(settings.DATA_DIR) / "instances"


def _boot_id() -> str:
    """Identify this machine since its last start. Containers on one machine share it."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
