"""Examines this host: is it to blame for an attempt that failed, and could the next one run here?"""

from __future__ import annotations

import errno
import os
import tempfile
import threading
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from django.conf import settings

from jobs import failures
from jobs.exceptions import HostFault
from jobs.failures import Failure
from jobs.results import store

#: What a report needs at least.
_THREADS, _PIPES = 8, 16
_FULL = (errno.ENOSPC, errno.EDQUOT)
#: Codes of failures that a fault of the host may be behind.
_UNEXPLAINED = ("internal_error", failures.WORKER_LOST.code)
#: What drivers and engines write about a host that is out of processes or descriptors.
_SIGNS = tuple(os.strerror(number) for number in failures.HOST_ERRORS)


def examine() -> str:
    """Return a sentence that says what keeps reports from running on this host; empty if nothing does."""
    try:
        _start_threads()
        _open_pipes()
        _write_to_store()
    except HostFault as fault:
        return fault.message
    return ""


def explain(failure: Failure) -> Failure:
    """Return the failure, or the fault of this host that explains it."""
    if failure.is_host_fault:
        return failure
    if failure.code not in _UNEXPLAINED and not any(sign in failure.trace for sign in _SIGNS):
        return failure
    sentence = examine()
    return replace(failures.of_host(sentence), trace=failure.trace) if sentence else failure


def _start_threads() -> None:
    # The system counts threads as it counts processes.
    release = threading.Event()
    threads = [threading.Thread(target=release.wait) for _ in range(_THREADS)]
    try:
        for thread in threads:
            thread.start()
    except RuntimeError as error:
        raise HostFault("The system starts no more processes.") from error
    finally:
        release.set()
        for thread in threads:
            if thread.ident:
                thread.join()


def _open_pipes() -> None:
    with ExitStack() as opened:
        try:
            for _ in range(_PIPES):
                for descriptor in os.pipe():
                    opened.callback(os.close, descriptor)
        except OSError as error:
            raise HostFault(f"No more files can be opened: {error.strerror}.") from error


def _write_to_store() -> None:
    folder = Path(settings.ARTIFACTS_DIR)
    try:
        store.check()
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0")
    except OSError as error:
        # A full disk is no fault of this host: it is full for all of them.
        if error.errno not in _FULL:
            raise HostFault(f"Results can't be written: {error.strerror}.") from error
