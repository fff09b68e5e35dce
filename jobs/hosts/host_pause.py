"""The pause of a sick host, during which its workers take no job: shared by all processes of a jobserver.

A host on which no process can be started or no result be written would otherwise take job after job from hosts that are
well. The pauses grow while the fault lasts.
"""

from __future__ import annotations

import mmap
import struct
import time

from common.backoff import Backoff

#: A host is examined before it takes a job, so short waits cost a sick one little, and a healed one works soon.
_WAITS = Backoff(first=1, longest=30)
#: When the pause ends by the monotonic clock, how many pauses there were in a row, and the reason for the last one.
_FORMAT = struct.Struct("dq300s")
#: Every process that is forked from now on shares this memory.
_memory = mmap.mmap(-1, _FORMAT.size)


def begin(reason: str) -> None:
    """Pause this host, for longer each time in a row. A pause that other workers have begun goes on as it is."""
    until, pauses, _ = _read()
    if time.monotonic() >= until:
        pauses += 1
        until = time.monotonic() + _WAITS.seconds(pauses)
    _write(until, pauses, reason)


def end() -> None:
    """Let the workers of this host take jobs again: it is well."""
    _write(0.0, 0, "")


def seconds_left() -> float:
    """Return for how long the pause still lasts; 0 if there is none."""
    return max(0.0, _read()[0] - time.monotonic())


def reason() -> str:
    """Return why the host was paused; empty if it has been well since."""
    return _read()[2]


def _read() -> tuple[float, int, str]:
    until, pauses, text = _FORMAT.unpack_from(_memory)
    return until, pauses, text.rstrip(b"\0").decode(errors="ignore")


def _write(until: float, pauses: int, text: str) -> None:
    _FORMAT.pack_into(_memory, 0, until, pauses, text.encode())
