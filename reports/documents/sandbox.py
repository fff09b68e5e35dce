"""Restrictions of the process that compiles a template: no network, no other programs, few files, limited resources.

Typst itself reads nothing outside of its root. The kernel's limits around it cover what Typst does by design (it
downloads packages) and bugs in it. This module imports only the standard library and the like in common: every
document has a new process, which must start fast.
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

from common.children.limits import lower_limit, used_addresses

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP = 38, 22

# seccomp(2) runs a program for the Berkeley Packet Filter on every system call.
_SECCOMP_MODE_FILTER = 2
_SECCOMP_RET_ALLOW, _SECCOMP_RET_ERRNO = 0x7FFF0000, 0x00050000
_BPF_LOAD, _BPF_JUMP_IF_EQUAL, _BPF_JUMP_IF_AT_LEAST, _BPF_RETURN = 0x20, 0x15, 0x35, 0x06
#: Offsets in the data that the kernel passes to the filter.
_CALL_NUMBER, _ARCHITECTURE = 0, 4
#: By machine: the kernel's name of its architecture, and the numbers of socket, connect, execve, execveat, ptrace and
#: io_uring_setup.
_DENIED_CALLS = {
    "x86_64": (0xC000003E, (41, 42, 59, 322, 101, 425)),
    "aarch64": (0xC00000B7, (198, 203, 221, 281, 117, 425)),
}
#: From here on, x86-64 numbers its system calls a second time. Those numbers would bypass the ones above.
_X32_BIT = 0x40000000

_LANDLOCK_CREATE_RULESET, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT_SELF = 444, 445, 446
_LANDLOCK_RULE_PATH_BENEATH = 1
_FS_READ_FILE, _FS_READ_DIR = 1 << 2, 1 << 3
#: All file rights of Landlock's first version. Those that no rule grants are denied.
_FS_ALL = (1 << 13) - 1


class SandboxUnavailableError(OSError):
    """This kernel can't isolate a template from the network."""


def limit_resources(memory_bytes: int, seconds: int) -> None:
    """Limit address space (on top of what is used now), processor time, and to nothing the files it writes."""
    lower_limit(resource.RLIMIT_AS, used_addresses() + memory_bytes)
    lower_limit(resource.RLIMIT_CPU, seconds)
    lower_limit(resource.RLIMIT_FSIZE, 0)
    lower_limit(resource.RLIMIT_CORE, 0)


def restrict(readable: Iterable[str]) -> None:
    """Deny sockets, other programs, and all files but those in the folders `readable`, for good.

    Raises SandboxUnavailableError.
    """
    # Without this, the kernel accepts filters only from root.
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise SandboxUnavailableError(ctypes.get_errno(), "prctl")
    _allow_only(readable)
    _deny_calls()


def _allow_only(readable: Iterable[str]) -> None:
    """landlock(7). Kernels before 5.13 don't have it, and it may be disabled. Then only Typst's own root counts."""
    rights = struct.pack("Q", _FS_ALL)
    ruleset = _libc.syscall(_LANDLOCK_CREATE_RULESET, ctypes.c_char_p(rights), ctypes.c_size_t(len(rights)), 0)
    if ruleset < 0:
        return
    for folder in readable:
        if not Path(folder).exists():
            continue
        descriptor = os.open(folder, os.O_PATH | os.O_CLOEXEC)
        rule = struct.pack("=Qi", _FS_READ_FILE | _FS_READ_DIR, descriptor)
        _libc.syscall(_LANDLOCK_ADD_RULE, ruleset, _LANDLOCK_RULE_PATH_BENEATH, ctypes.c_char_p(rule), 0)
        os.close(descriptor)
    if _libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0):
        raise SandboxUnavailableError(ctypes.get_errno(), "landlock")
    os.close(ruleset)


def _deny_calls() -> None:
    """seccomp(2): the denied calls, and all calls of another architecture, fail with "permission denied"."""
    if platform.machine() not in _DENIED_CALLS:
        raise SandboxUnavailableError(errno.ENOSYS, f"no list of system calls for {platform.machine()}")
    architecture, numbers = _DENIED_CALLS[platform.machine()]
    # The position of the last instruction, which denies. Jumps count from the instruction after them.
    deny = len(numbers) + 5
    program = [
        _instruction(_BPF_LOAD, _ARCHITECTURE),
        _instruction(_BPF_JUMP_IF_EQUAL, architecture, otherwise=deny - 2),
        _instruction(_BPF_LOAD, _CALL_NUMBER),
        _instruction(_BPF_JUMP_IF_AT_LEAST, _X32_BIT, then=deny - 4),
        *(_instruction(_BPF_JUMP_IF_EQUAL, number, then=deny - at - 1) for at, number in enumerate(numbers, start=4)),
        _instruction(_BPF_RETURN, _SECCOMP_RET_ALLOW),
        _instruction(_BPF_RETURN, _SECCOMP_RET_ERRNO | errno.EACCES),
    ]
    code = ctypes.create_string_buffer(b"".join(program))
    header = struct.pack("@HP", len(program), ctypes.addressof(code))
    if _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.c_char_p(header), 0, 0):
        raise SandboxUnavailableError(ctypes.get_errno(), "seccomp")


def _instruction(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    """A `struct sock_filter` of <linux/filter.h>."""
    return struct.pack("HBBI", code, then, otherwise, value)
