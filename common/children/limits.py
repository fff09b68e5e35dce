"""What a process that runs other people's queries, templates or charts may use. Imports only the standard library.

A limit that can't be set is no reason not to run: the host may have a lower one, or refuse to let it be changed, as
containers do. It is logged once for each process that children are forked from.
"""

from __future__ import annotations

import logging
import os
import resource
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

log = logging.getLogger(__name__)
#: What the kernel adds to a child's share of memory when it chooses what to kill: proc_pid_oom_score_adj(5).
_OOM_SCORE = 500


def limit_resources(*, memory_bytes: int, file_bytes: int, cpu_seconds: int) -> None:
    """Limit memory beyond what is used now, file size and processor time; write no core dump; be killed first.

    The hard limit of memory stays: the process that draws charts reserves 34 GB of addresses, and is limited by what it
    uses.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    _set(resource.RLIMIT_AS, used_addresses() + memory_bytes, hard)
    lower_limit(resource.RLIMIT_FSIZE, file_bytes)
    lower_limit(resource.RLIMIT_CPU, cpu_seconds)
    lower_limit(resource.RLIMIT_CORE, 0)
    _prefer_as_victim()


def lower_limit(resource_id: int, limit: int) -> None:
    """Limit a resource for good. A lower limit stays, because it can't be raised again."""
    _set(resource_id, limit, limit)


def used_addresses() -> int:
    """Bytes of the address space in use."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def lower_priority(niceness: int) -> None:
    """Give all other processes priority: an export may take minutes, but a status call or a sign-in must not.

    With 10 a process still gets a tenth of the processor time of another one. With 19, a host that is busy with other
    programs would starve it until its deadline.
    """
    os.nice(niceness)
    # A child leads its own session, and where the kernel groups processes by session, only the group's value counts:
    # sched(7).
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(niceness))


def _set(resource_id: int, soft: int, hard: int) -> None:
    _, ceiling = resource.getrlimit(resource_id)
    if ceiling != resource.RLIM_INFINITY:
        soft = min(soft, ceiling)
        hard = ceiling if hard == resource.RLIM_INFINITY else min(hard, ceiling)
    try:
        resource.setrlimit(resource_id, (soft, hard))
    except (OSError, ValueError) as error:
        _log_once(f"resource limit {resource_id}", str(error))


def _prefer_as_victim() -> None:
    path = Path("/proc/self/oom_score_adj")
    try:
        # Only privileged processes may lower it, and a container may have set it higher.
        if int(path.read_text()) < _OOM_SCORE:
            path.write_text(str(_OOM_SCORE))
    except OSError as error:
        _log_once("oom_score_adj", str(error))


@lru_cache
def _log_once(what: str, why: str) -> None:
    log.warning("A child runs without %s: %s", what, why)
