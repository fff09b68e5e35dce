"""Examines this host: is it to blame for an attempt that failed, and could the next one run here?"""

from __future__ import annotations

import errno
import os
import threading
from contextlib import ExitStack
from dataclasses import replace

from django.conf import settings

from common.processes import call_in_fork
from jobs import failures
from jobs.exceptions import HostFault, StorageUnavailable
from jobs.failures import Failure
from jobs.results import store
from jobs.results.stores.base import Store, check_marker

#: What a report needs at least.
_THREADS, _PIPES = 8, 16
#: Seconds in which an object store answers, and its client has given up.
_STORE_SECONDS = 30
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
        _use_store()
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


def _use_store() -> None:
    target, expected = store.current(), store.expected_marker()
    if not settings.ARTIFACTS_URL:
        _check_store(target, expected)
        return
    # This process forks others later, so it must not use the object store's client itself.
    fault = call_in_fork(lambda: _fault_of(target, expected), _STORE_SECONDS)
    if fault is None:
        raise HostFault("Results can't be written. The object store doesn't answer.")
    if fault:
        raise HostFault(fault)


def _fault_of(target: Store, expected: str) -> str:
    try:
        _check_store(target, expected)
    except HostFault as fault:
        return fault.message
    return ""


def _check_store(target: Store, expected: str) -> None:
    try:
        check_marker(target, expected)
        target.try_writing()
    except StorageUnavailable as error:
        raise HostFault(f"Results can't be written. {error.reason}") from error
    except OSError as error:
        # A full disk is no fault of this host: it is full for all of them.
        if error.errno not in _FULL:
            raise HostFault(f"Results can't be written: {error.strerror}.") from error
