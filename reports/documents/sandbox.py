"""What a process that compiles a template gives up before it does: network, other programs, most files, resources.

Typst itself reads nothing outside of its root. These are the kernel's own bounds around it, for what Typst does by
design (it downloads packages) and for faults in it. Nothing here is imported but the standard library.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import struct
from collections.abc import Iterable
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _PR_SET_PDEATHSIG = 38, 22, 1
_SECCOMP_MODE_FILTER = 2
_SIGKILL = 9

#: Numbers of socket, connect, execve, execveat, ptrace, io_uring_setup by machine, and how the kernel calls it.
_DENIED = {
    "x86_64": (0xC000003E, (41, 42, 59, 322, 101, 425)),
    "aarch64": (0xC00000B7, (198, 203, 221, 281, 117, 425)),
}
#: The other numbering of system calls on x86-64 starts here, and would go around the numbers above.
_X32_BIT = 0x40000000

_LANDLOCK_CREATE_RULESET, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT_SELF = 444, 445, 446
_LANDLOCK_RULE_PATH_BENEATH = 1
_FS_READ_FILE, _FS_READ_DIR = 1 << 2, 1 << 3
#: All rights on files of Landlock's first version: what is not allowed below is refused.
_FS_ALL = (1 << 13) - 1


class NoSandboxError(OSError):
    """This kernel can't keep a template away from the network."""


def limit(memory_bytes: int, seconds: int) -> None:
    """Bound address space (beyond what is used now), processor time and files."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    lower(resource.RLIMIT_AS, used + memory_bytes)
    lower(resource.RLIMIT_CPU, seconds)
    lower(resource.RLIMIT_FSIZE, 0)
    lower(resource.RLIMIT_CORE, 0)


def end_with(parent: int) -> None:
    """From here on this process ends when its parent (that process id) does: nobody else looks after it."""
    _libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the request
        os._exit(1)


def close(readable: Iterable[str]) -> None:
    """From here on: no socket, no program, no file but those under the folders `readable`. Raises NoSandboxError."""
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise NoSandboxError(ctypes.get_errno(), "prctl")
    _allow_only(readable)
    _deny_calls()


def lower(what: int, most: int) -> None:
    """Bound a resource for good. A limit that is lower already stays: it cannot be raised again, and need not be."""
    _, hard = resource.getrlimit(what)
    bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (bound, bound))


def _deny_calls() -> None:
    """seccomp(2): the denied calls answer "permission denied", and so do all calls of another architecture."""
    if platform.machine() not in _DENIED:
        raise NoSandboxError(errno.ENOSYS, f"no list of system calls for {platform.machine()}")
    architecture, numbers = _DENIED[platform.machine()]
    refuse = len(numbers) + 1
    program = [_load(4), _unless_equal(architecture, refuse + 2), _load(0), _if_at_least(_X32_BIT, refuse)]
    program += [_if_equal(number, refuse - 1 - at) for at, number in enumerate(numbers)]
    program += [_return(0x7FFF0000), _return(0x00050000 | errno.EACCES)]
    code = ctypes.create_string_buffer(b"".join(program))
    header = struct.pack("@HP", len(program), ctypes.addressof(code))
    if _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.c_char_p(header), 0, 0):
        raise NoSandboxError(ctypes.get_errno(), "seccomp")


def _load(offset: int) -> bytes:
    return struct.pack("HBBI", 0x20, 0, 0, offset)


def _if_equal(value: int, skip: int) -> bytes:
    return struct.pack("HBBI", 0x15, skip, 0, value)


def _unless_equal(value: int, skip: int) -> bytes:
    return struct.pack("HBBI", 0x15, 0, skip, value)


def _if_at_least(value: int, skip: int) -> bytes:
    return struct.pack("HBBI", 0x35, skip, 0, value)


def _return(action: int) -> bytes:
    return struct.pack("HBBI", 0x06, 0, 0, action)


def _allow_only(readable: Iterable[str]) -> None:
    """landlock(7), where the kernel has it (5.13, and not switched off); without it Typst's own root is the bound."""
    rights = struct.pack("Q", _FS_ALL)
    ruleset = _libc.syscall(_LANDLOCK_CREATE_RULESET, ctypes.c_char_p(rights), ctypes.c_size_t(len(rights)), 0)
    if ruleset < 0:
        return
    for folder in readable:
        if not Path(folder).exists():
            continue
        opened = os.open(folder, os.O_PATH | os.O_CLOEXEC)
        rule = struct.pack("=Qi", _FS_READ_FILE | _FS_READ_DIR, opened)
        _libc.syscall(_LANDLOCK_ADD_RULE, ruleset, _LANDLOCK_RULE_PATH_BENEATH, ctypes.c_char_p(rule), 0)
        os.close(opened)
    if _libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0):
        raise NoSandboxError(ctypes.get_errno(), "landlock")
    os.close(ruleset)
