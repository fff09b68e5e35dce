"""Gates in the server's code, at which a test holds processes or kills the web server.

A process that reaches a gate creates a file `<gate>.reached` in the data folder and waits while there is a file
`<gate>.hold`. If there is a file `<gate>.kill`, the web server is killed, with all of its processes.

A step of the end of an attempt raises an error while there is a file `<step>.break`.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from django.conf import settings


class Step(NamedTuple):
    """A function that does a part of an attempt's end: one of the list with this name in a module."""

    module: str
    list: str
    name: str


def steps() -> list[Step]:
    """Return every step that may fail when an attempt ends."""
    from jobs.execution import attempt_cleanup, transitions

    lists = ((transitions, "WRITES_OF_SUCCESS"), (transitions, "WRITES_OF_FAILURE"))
    lists += ((transitions, "WRITES_OF_RELEASE"), (attempt_cleanup, "STEPS"))
    return [Step(module.__name__, name, step.__name__) for module, name in lists for step in getattr(module, name)]


def install() -> None:
    """Put gates before and after the functions at which tests inject faults."""
    from jobs import actions
    from jobs.delivery import outbox
    from jobs.execution import lease, transitions, worker
    from jobs.queue import broker
    from jobs.results.stores.folder import FolderStore

    _add_gates(actions, "submit", before="before-submit", after="after-submit")
    _add_gates(actions, "enqueue", after="after-enqueue")
    _add_gates(broker, "notify", before="before-notify")
    _add_gates(transitions, "claim", before="before-claim")
    _add_gates(worker, "run_job", before="after-claim")
    _add_gates(lease, "renew", before="before-renew")
    _add_gates(outbox, "claim", before="before-deliver")
    _add_gates(transitions, "succeed", before="before-commit")
    _add_gate_by_kind(transitions, "record_event", "before-event")
    _add_gates(FolderStore, "publish", before="before-publish", after="after-publish")
    for module, name in {(step.module, step.list) for step in steps()}:
        setattr(sys.modules[module], name, [_breakable(step) for step in getattr(sys.modules[module], name)])


def pass_gate(gate: str) -> None:
    """Wait at the gate or kill the web server there, if the test asks for it."""
    folder = Path(settings.DATA_DIR)
    with suppress(FileNotFoundError):
        (folder / f"{gate}.kill").unlink()
        _kill_the_web_server()
    hold = folder / f"{gate}.hold"
    if hold.exists():
        (folder / f"{gate}.reached").touch()
        while hold.exists():
            time.sleep(0.02)


def _add_gates(module: Any, name: str, *, before: str = "", after: str = "") -> None:
    function: Callable[..., Any] = getattr(module, name)

    @wraps(function)
    def with_gates(*args: Any, **kwargs: Any) -> Any:
        if before:
            pass_gate(before)
        result = function(*args, **kwargs)
        if after:
            pass_gate(after)
        return result

    setattr(module, name, with_gates)


def _breakable(step: Callable[..., None]) -> Callable[..., None]:
    @wraps(step)
    def breakable(*args: Any) -> None:
        if (Path(settings.DATA_DIR) / f"{step.__name__}.break").exists():
            raise RuntimeError(f"{step.__name__} is broken")
        step(*args)

    return breakable


def _add_gate_by_kind(module: Any, name: str, gate: str) -> None:
    """Put a gate before a function whose second argument is a kind, which becomes part of the gate's name."""
    function: Callable[..., Any] = getattr(module, name)

    def with_gate(subject: object, kind: str, *args: Any) -> Any:
        pass_gate(f"{gate}-{kind}")
        return function(subject, kind, *args)

    setattr(module, name, with_gate)


def _kill_the_web_server() -> None:
    master = psutil.Process(os.getppid())
    for process in [master, *master.children()]:
        if process.pid != os.getpid():
            process.send_signal(signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
