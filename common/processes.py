"""Linux processes: they end with their parent, can be killed as a group, and leave no orphans.

Imports only the standard library: the processes of documents and charts must start fast.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import select
import signal
import time
from collections.abc import Callable, Collection
from pathlib import Path

log = logging.getLogger(__name__)
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_MADV_COLLAPSE = 25
#: Bytes of a huge page on most machines. A machine with another size refuses the request, which does no harm.
_HUGE_PAGE_BYTES = 2 * 2**20
#: Bytes of an allocation before which glibc merges the blocks that were freed.
_CONSOLIDATING_BYTES = 2**16
#: The environment variable that passes the umask from before `hide_new_files` on to the programs that are started.
_UMASK_VARIABLE = "REPORTSERVER_STARTED_WITH_UMASK"
#: Seconds that a process takes to end after its last message.
_END_SECONDS = 2.0
_libc = ctypes.CDLL(None, use_errno=True)
_libc.malloc.restype = ctypes.c_void_p


def hide_new_files() -> None:
    """Keep the files that this process and its children create from other users, until they call `restore_umask`."""
    before = os.umask(0o077)
    os.environ.setdefault(_UMASK_VARIABLE, f"{before:o}")


def restore_umask() -> None:
    """Set the umask that the first program to call `hide_new_files` was started with."""
    if before := os.environ.get(_UMASK_VARIABLE):
        os.umask(int(before, 8))


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent (that process id) ends: prctl(2), PR_SET_PDEATHSIG."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # The parent may have ended before the request.
    if os.getppid() != parent:
        os._exit(1)


def fork_process(name: str, run: Callable[[], None]) -> int:
    """Fork a process that leads its own session, calls `run`, and is killed when this process ends. Return its id.

    Its exit status is 0, or 1 if `run` raised, which is logged.
    """
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        os.setsid()
        die_with_parent(parent)
        run()
        status = 0
    except BaseException:
        log.exception("The %s failed.", name)
    finally:
        # Without clean-up handlers: they belong to the parent.
        os._exit(status)


def call_in_fork(function: Callable[[], str], seconds: float) -> str | None:
    """Call a function in a forked process, and return its short text. None if it raised, died or took longer.

    For libraries whose threads don't survive a fork, in a process that forks others later.
    """
    read_end, write_end = os.pipe()
    try:
        try:
            pid = fork_process("call", lambda: _write_short(write_end, function()))
        finally:
            os.close(write_end)
        if not wait_readable(read_end, seconds):
            os.kill(pid, signal.SIGKILL)
        if reap(pid, _END_SECONDS) != 0:
            return None
        return os.read(read_end, select.PIPE_BUF).decode(errors="ignore").removesuffix("\n")
    finally:
        os.close(read_end)


def _write_short(descriptor: int, text: str) -> None:
    # Never empty: the other side waits for it.
    os.write(descriptor, text.encode()[: select.PIPE_BUF - 1] + b"\n")


def kill_children_with_parent() -> None:
    """From now on, kill every process that this one or its descendants fork as soon as its parent ends."""
    parent = 0

    def remember_parent() -> None:
        nonlocal parent
        parent = os.getpid()

    os.register_at_fork(before=remember_parent, after_in_child=lambda: die_with_parent(parent))


def become_subreaper() -> None:
    """From now on, adopt descendants that lose their parent: prctl(2), PR_SET_CHILD_SUBREAPER."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def kill_children(*, but: Collection[int] = (), seconds: float = 5) -> None:
    """Kill and reap the children of this process, also those that it adopts meanwhile, except those with these ids.

    Give up after this many seconds.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        children = [pid for pid in children_of(os.getpid()) if pid not in but]
        if not children:
            return
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(pid, os.WNOHANG) == (0, 0):
                    time.sleep(0.01)


def children_of(pid: int) -> list[int]:
    """Return the ids of a process's children, including zombies; none if it has ended."""
    children: list[int] = []
    with contextlib.suppress(FileNotFoundError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            # A thread that ends now passes its children to another one. Those of the others must not be lost with it.
            with contextlib.suppress(OSError):
                children += map(int, (thread / "children").read_text().split())
    return children


def kill_by_environment(variable: str) -> None:
    """Kill every process that was started with this variable (NAME=value) in its environment."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and variable.encode() in (entry / "environ").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)


def is_alive(pid: int) -> bool:
    """True if the process exists and is no zombie."""
    try:
        # The name, in parentheses, may itself contain spaces and parentheses: proc_pid_stat(5).
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def signal_group(group: int, number: signal.Signals) -> None:
    """Send a signal to every process of a group, if there are any left.

    Raise ValueError for ids that killpg(2) takes for the caller's own group or for all processes.
    """
    if group <= 1:
        raise ValueError(f"{group} is not the id of a process group.")
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def reap(pid: int, seconds: float) -> int | None:
    """Wait for a child to end, and reap it. Return its exit status, negative for a signal; None if it still runs."""
    ended = os.pidfd_open(pid)
    try:
        wait_readable(ended, seconds)
    finally:
        os.close(ended)
    reaped, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if reaped else None


def wait_readable(descriptor: int, seconds: float) -> bool:
    """Wait until the file has data or is at its end, or until the process of a pidfd has ended. False if neither."""
    return bool(select.select([descriptor], [], [], seconds)[0])


def use_huge_pages() -> None:
    """Make this process cheaper to fork, once it has loaded what its children need.

    A fork copies an entry for each page of memory, and the end of the child undoes that. On huge pages both take a
    third of the time. Nothing changes where the system can't do it: madvise(2), MADV_COLLAPSE, needs Linux 6.1.
    """
    for line in Path("/proc/self/maps").read_text().splitlines():
        addresses, permissions, _, _, inode, *name = line.split(maxsplit=5)
        # Only memory that this process may write and that no file backs: proc_pid_maps(5).
        if not permissions.startswith("rw") or inode != "0" or name not in ([], ["[heap]"]):
            continue
        start, end = (int(address, 16) for address in addresses.split("-"))
        first_page = -(-start // _HUGE_PAGE_BYTES) * _HUGE_PAGE_BYTES
        for page in range(first_page, end - _HUGE_PAGE_BYTES + 1, _HUGE_PAGE_BYTES):
            _libc.madvise(ctypes.c_void_p(page), ctypes.c_size_t(_HUGE_PAGE_BYTES), _MADV_COLLAPSE)


def consolidate_free_memory() -> None:
    """Have the C library merge freed blocks now, before a fork.

    It puts this off until a larger allocation. That would come in the child, which would have to copy every page first.
    """
    _libc.free(ctypes.c_void_p(_libc.malloc(_CONSOLIDATING_BYTES)))
