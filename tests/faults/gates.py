"""Places in the server's own code at which a test makes its processes wait, or kills the web server.

A process that comes to a place waits while there is a file `<place>.hold` in the data folder, and leaves a file
`<place>.reached` there. A web server is killed, with all of its processes, if there is a file `<place>.kill`.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any

import psutil
from django.conf import settings


def install() -> None:
    """Put a gate at each place."""
    from jobs import actions
    from jobs.execution import transitions, worker
    from jobs.queue import broker
    from jobs.results import publishing

    _gate(actions, "submit_once", before="submit-begins", after="submit-committed")
    _gate(actions, "_enqueue", after="submit-written")
    _gate(broker, "notify", before="submit-rings")
    _gate(transitions, "claim", before="claims")
    _gate(worker, "run_job", before="claimed")
    _gate(transitions, "renew", before="renews")
    _gate(transitions, "succeed", before="commits")
    _gate_of_each_kind(transitions, "record_event", "notes")
    _gate(publishing, "publish", before="renames", after="renamed")


def come_to(place: str) -> None:
    """Wait at the place, or end there, if a test wants it."""
    folder = Path(settings.DATA_DIR)
    if _taken(folder / f"{place}.kill"):
        _kill_the_web_server()
    hold = folder / f"{place}.hold"
    if hold.exists():
        (folder / f"{place}.reached").touch()
        while hold.exists():
            time.sleep(0.02)


def _gate(module: Any, name: str, *, before: str = "", after: str = "") -> None:
    real: Callable[..., Any] = getattr(module, name)

    @wraps(real)
    def gated(*args: Any, **kwargs: Any) -> Any:
        if before:
            come_to(before)
        found = real(*args, **kwargs)
        if after:
            come_to(after)
        return found

    setattr(module, name, gated)


def _gate_of_each_kind(module: Any, name: str, place: str) -> None:
    """Gates before a function whose second argument says of which kind it is this time."""
    real: Callable[..., Any] = getattr(module, name)

    def gated(subject: object, kind: str, *args: Any) -> Any:
        come_to(f"{place}-{kind}")
        return real(subject, kind, *args)

    setattr(module, name, gated)


def _taken(file: Path) -> bool:
    with suppress(FileNotFoundError):
        file.unlink()
        return True
    return False


def _kill_the_web_server() -> None:
    master = psutil.Process(os.getppid())
    for process in [master, *master.children()]:
        if process.pid != os.getpid():
            process.send_signal(signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
