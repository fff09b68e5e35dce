"""Linux processes: die with the parent, end a whole group, leave no orphan."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from common.processes import die_with_parent

_PR_SET_CHILD_SUBREAPER = 36
_MADV_COLLAPSE = 25
#: Bytes of a huge page on every machine that has them in this size; others refuse.
_HUGE_PAGE = 2 * 2**20
#: Bytes for which glibc's malloc first sorts what was freed.
_MORE_THAN_A_LITTLE = 2**16
_libc = ctypes.CDLL(None, use_errno=True)
_libc.malloc.restype = ctypes.c_void_p


def kill_children_with_parent() -> None:
    """From here on, every process forked from this one, or from its children, dies with the one it was forked from."""
    parent = [os.getpid()]
    os.register_at_fork(
        before=lambda: parent.__setitem__(0, os.getpid()), after_in_child=lambda: die_with_parent(parent[0])
    )


def become_subreaper() -> None:
    """From here on, what descends from this process and loses its parent becomes its child: prctl(2)."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def kill_children(*, but: Collection[int] = (), seconds: float = 5) -> None:
    """Kill and reap the children of this process, also those that it adopts meanwhile, for at most that long."""
    until = time.monotonic() + seconds
    while (found := [pid for pid in _children() if pid not in but]) and time.monotonic() < until:
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(pid, os.WNOHANG) == (0, 0):
                    time.sleep(0.01)


def kill_by_environment(mark: str) -> None:
    """Kill every process that was started with this text (NAME=value) in its environment."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and mark.encode() in (entry / "environ").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and was not reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def signal_group(group: int, number: signal.Signals) -> None:
    """Send a signal to every process of a group; none left is fine. ValueError for what means one's own, or all."""
    if group <= 1:
        raise ValueError(f"{group} is no group to signal.")
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def reap(pid: int, seconds: float) -> int | None:
    """Reap a child. Its exit status (negative: the signal that killed it), or None when it still runs after that."""
    ended = os.pidfd_open(pid)
    try:
        wait_readable(ended, seconds)
    finally:
        os.close(ended)
    reaped, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if reaped else None


def wait_readable(file: int, seconds: float) -> bool:
    """Whether there is something to read within that time; of a process's file (pidfd_open): whether it has ended."""
    return bool(select.select([file], [], [], seconds)[0])


def use_huge_pages() -> None:
    """Make this process cheap to fork, once it has loaded what its children need.

    A fork copies an entry for each page of memory, and its child's end undoes that: on huge pages both take a third of
    the time. Where the system can't do it, nothing changes: madvise(2), MADV_COLLAPSE, from Linux 6.1 on.
    """
    for start, end in _own_memory():
        for page in range(-(-start // _HUGE_PAGE) * _HUGE_PAGE, end - _HUGE_PAGE + 1, _HUGE_PAGE):
            _libc.madvise(ctypes.c_void_p(page), ctypes.c_size_t(_HUGE_PAGE), _MADV_COLLAPSE)


def consolidate_free_memory() -> None:
    """Sort what this process has freed, which the C library puts off until somebody asks for more than a little.

    The child would do it, and would have to copy each page of it first.
    """
    _libc.free(ctypes.c_void_p(_libc.malloc(_MORE_THAN_A_LITTLE)))


def _own_memory() -> Iterator[tuple[int, int]]:
    """Where the memory is that this process may write and that belongs to no file: proc_pid_maps(5)."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        addresses, rights, _, _, inode, *name = line.split(maxsplit=5)
        if rights.startswith("rw") and inode == "0" and name in ([], ["[heap]"]):
            start, end = addresses.split("-")
            yield int(start, 16), int(end, 16)


def _children() -> list[int]:
    """Process ids of this process's children, dead ones that were not reaped among them."""
    with contextlib.suppress(OSError):
        lists = [(task / "children").read_text() for task in Path("/proc/self/task").iterdir()]
        return [int(pid) for one in lists for pid in one.split()]
    return []
