"""The deliverer: a process of each jobserver that sends the deliveries in the outbox. It can be killed at any time."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from django.db import Error, InterfaceError, OperationalError, connections

from common.processes import restore_umask
from jobs import deployment
from jobs.delivery import outbox, recipients
from jobs.delivery.lease import kept_lease
from jobs.delivery.senders import SENDERS, OutgoingResult, Undeliverable
from jobs.delivery.unsubscribing import is_unsubscribed
from jobs.models import Delivery
from jobs.results.caller_binding import check_caller_unchanged
from reports.exceptions import CallerAttributesChanged

log = logging.getLogger(__name__)
#: Deliveries sent at once, so that one slow receiver doesn't delay the others.
_THREADS = 4
#: Seconds between two checks of the outbox while nothing is due.
_IDLE_SECONDS = 1.0


class Unwanted(Exception):
    """The recipient doesn't want the result. The message is a sentence."""


def run_deliverer() -> None:
    """Send deliveries until SIGTERM or SIGINT. Must be called in its own process."""
    # What it writes to a file share is for others.
    restore_umask()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    free_threads = threading.BoundedSemaphore(_THREADS)
    with ThreadPoolExecutor(_THREADS) as pool:
        while not stopping.is_set():
            # A thread must be free before the claim, or the lease could run out while the delivery waits for one.
            if not free_threads.acquire(timeout=_IDLE_SECONDS):
                continue
            delivery = _claim()
            if delivery is None:
                free_threads.release()
                stopping.wait(_IDLE_SECONDS)
            else:
                pool.submit(_deliver_in_thread, delivery, free_threads)


def _claim() -> Delivery | None:
    try:
        return None if deployment.is_suspended() else outbox.claim()
    except Error:
        # The next check opens a new connection.
        log.warning("The outbox can't be read.", exc_info=True)
        connections.close_all()
        return None


def _deliver_in_thread(delivery: Delivery, free_threads: threading.BoundedSemaphore) -> None:
    try:
        deliver(delivery)
    except Exception:
        # The delivery is sent again when its lease ends.
        log.exception("The outcome of a delivery could not be recorded.", extra=_log_fields(delivery))
        connections.close_all()
    finally:
        free_threads.release()


def deliver(delivery: Delivery) -> None:
    """Send a claimed delivery and record the outcome."""
    # Nothing is sent before the database has answered: an outcome that can't be recorded means to send again.
    if not _persistently(partial(outbox.renew, delivery)):
        return
    try:
        with kept_lease(delivery):
            _send(delivery)
    except Unwanted as error:
        record = partial(outbox.mark_skipped, delivery, str(error))
    except Undeliverable as error:
        log.warning("not delivered: %s", error, extra=_log_fields(delivery), exc_info=error.__cause__)
        record = partial(outbox.mark_failed, delivery, str(error), permanent=error.permanent)
    except Exception:
        log.exception("A delivery failed.", extra=_log_fields(delivery))
        record = partial(outbox.mark_failed, delivery, "The delivery failed. The server's log has the details.")
    else:
        log.info("delivered", extra=_log_fields(delivery))
        record = partial(outbox.mark_sent, delivery)
    _persistently(record)


def _send(delivery: Delivery) -> None:
    # More attempts than allowed: earlier ones killed the deliverer before they could be recorded.
    if delivery.attempt > outbox.MAX_ATTEMPTS:
        raise Undeliverable("All attempts failed.", permanent=True)
    if is_unsubscribed(delivery):
        raise Unwanted(recipients.UNSUBSCRIBED)
    if sentence := recipients.refusal(delivery):
        raise Undeliverable(sentence, permanent=True)
    try:
        check_caller_unchanged(delivery.job, None)
    except CallerAttributesChanged as error:
        raise Undeliverable(error.message, permanent=True) from None
    options = delivery.options or {}
    result = OutgoingResult(delivery.pk, delivery.job, delivery.target, delivery.fence, options, delivery.schedule)
    SENDERS[delivery.kind].send(result)


def _persistently(write: Callable[[], bool]) -> bool:
    """Write until the database answers, however long it is away."""
    while True:
        try:
            return write()
        except (OperationalError, InterfaceError):
            log.warning("The state of a delivery can't be written yet.", exc_info=True)
            connections.close_all()
            time.sleep(1)


def _log_fields(delivery: Delivery) -> dict[str, str]:
    return {"job_id": str(delivery.job_id), "delivery": str(delivery.pk), "kind": delivery.kind}
