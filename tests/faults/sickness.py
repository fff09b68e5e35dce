"""Ways in which one host can be sick. Each is a context: the host is well again after it."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import count, islice
from pathlib import Path

import psutil
import pytest

from tests.faults.cluster import Cluster

Host = subprocess.Popen[bytes]
#: Processes that the system's processes are in, by the version of cgroups.
_CGROUPS = (Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup"))


@contextmanager
def no_more_processes(cluster: Cluster, host: Host) -> Iterator[None]:
    """Let the host keep the processes that it has, and start no other: a container's limit."""
    root = next((path for path in _CGROUPS if (path / "cgroup.procs").exists()), _CGROUPS[0])
    group = root / f"faults-{os.getpid()}-{host.pid}"
    try:
        group.mkdir()
        limit = group / "pids.max"
        limit.write_text("max")
    except OSError:
        with suppress(OSError):
            group.rmdir()
        pytest.skip("This user can't limit the processes of a group.")
    for process in cluster.process_tree(host):
        _move(process.pid, group)
    limit.write_text("0")
    try:
        yield
    finally:
        limit.write_text("max")
        for pid in (group / "cgroup.procs").read_text().split():
            _move(int(pid), root)
        group.rmdir()


def _move(pid: int, group: Path) -> None:
    with suppress(ProcessLookupError):
        (group / "cgroup.procs").write_text(str(pid))


@contextmanager
def no_more_descriptors(cluster: Cluster, host: Host) -> Iterator[None]:
    """Let each process of the host open two more files. The limit is one of their numbers."""
    before = {process: process.rlimit(resource.RLIMIT_NOFILE) for process in cluster.process_tree(host)}
    for process, (_, hard) in before.items():
        used = {int(entry.name) for entry in Path(f"/proc/{process.pid}/fd").iterdir()}
        free = (number for number in count() if number not in used)
        process.rlimit(resource.RLIMIT_NOFILE, (next(islice(free, 2, None)), hard))
    try:
        yield
    finally:
        for process in cluster.process_tree(host):
            with suppress(psutil.NoSuchProcess):
                process.rlimit(resource.RLIMIT_NOFILE, before.get(process, next(iter(before.values()))))


@contextmanager
def read_only_store(cluster: Cluster, host: Host) -> Iterator[None]:
    _mount("-o", "remount,bind,ro", share(cluster))
    try:
        yield
    finally:
        _mount("-o", "remount,bind,rw", share(cluster))


@contextmanager
def unmounted_share(cluster: Cluster, host: Host) -> Iterator[None]:
    """Leave the empty folder below, which can be written."""
    subprocess.run(["umount", "--lazy", share(cluster)], check=True)
    try:
        yield
    finally:
        _mount("--bind", cluster.server.folder / "artifacts", share(cluster))


#: By name: the context, and a part of the sentence that the host shows.
SICKNESSES: dict[str, tuple[Callable[[Cluster, Host], AbstractContextManager[None]], str]] = {
    "no more processes": (no_more_processes, "could not be started|starts no more processes"),
    "no more descriptors": (no_more_descriptors, "out of resources|more files can be opened|could not be started"),
    "read-only store": (read_only_store, "Results can't be written: Read-only file system"),
    "unmounted share": (unmounted_share, "share is not mounted"),
}


def share(cluster: Cluster) -> Path:
    """Return where a host with `share_of_results` finds the folder of results."""
    return cluster.server.folder / "share"


@contextmanager
def share_of_results(cluster: Cluster) -> Iterator[dict[str, str]]:
    """Mount the folder of results a second time. Yield the settings of a host that uses it there."""
    share(cluster).mkdir(mode=0o700, exist_ok=True)
    try:
        _mount("--bind", cluster.server.folder / "artifacts", share(cluster))
    except subprocess.CalledProcessError:
        pytest.skip("Only root can mount a folder.")
    try:
        yield {"REPORTSERVER_ARTIFACTS_URL": str(share(cluster))}
    finally:
        subprocess.run(["umount", "--lazy", share(cluster)], check=True)


def _mount(*options: object) -> None:
    subprocess.run(["mount", *map(str, options)], check=True, capture_output=True)
