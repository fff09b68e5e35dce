"""The deliverer: a process of each jobserver that sends deliveries and notices. It can be killed at any time."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol, TypeVar

from django.db import Error, InterfaceError, OperationalError, connections

from common.processes import restore_umask
from jobs import deployment
from jobs.delivery import outbox, recipients
from jobs.delivery.lease import kept_lease
from jobs.delivery.outgoing import MAX_ATTEMPTS, Outgoing, Row, renew
from jobs.delivery.senders import SENDERS, OutgoingResult, Undeliverable
from jobs.delivery.senders.base import Unwanted
from jobs.exceptions import ResultMissing, StorageUnavailable
from jobs.models import Delivery, Notice
from jobs.notices import outbox as notices
from jobs.notices import sending
from jobs.results.caller_binding import check_caller_unchanged
from reports.exceptions import CallerAttributesChanged

log = logging.getLogger(__name__)
Work = Callable[[], None]
Recorded = TypeVar("Recorded", bound=Outgoing, contravariant=True)
#: Deliveries sent at once, so that one slow receiver doesn't delay the others.
_THREADS = 4
#: Seconds between two checks of the outbox while nothing is due.
_IDLE_SECONDS = 1.0


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
            work = _claim()
            if work is None:
                free_threads.release()
                stopping.wait(_IDLE_SECONDS)
            else:
                pool.submit(_work_in_thread, work, free_threads)


def _claim() -> Work | None:
    """Claim what is due. The outboxes take turns, so that many deliveries don't keep back a notice."""
    _outboxes.reverse()
    try:
        return None if deployment.is_suspended() else _outboxes[0]() or _outboxes[1]()
    except Error:
        # The next check opens a new connection.
        log.warning("The outbox can't be read.", exc_info=True)
        connections.close_all()
        return None


def _claim_delivery() -> Work | None:
    # By its name in the module, where tests put a gate before it.
    delivery = outbox.claim()
    return partial(deliver, delivery) if delivery else None


def _claim_notice() -> Work | None:
    notice = notices.claim()
    return partial(send_notice, notice) if notice else None


_outboxes = [_claim_delivery, _claim_notice]


def _work_in_thread(work: Work, free_threads: threading.BoundedSemaphore) -> None:
    try:
        work()
    except Exception:
        # It is sent again when its lease ends.
        log.exception("The outcome of a delivery could not be recorded.")
        connections.close_all()
    finally:
        free_threads.release()


def deliver(delivery: Delivery) -> None:
    """Send a claimed delivery and record the outcome."""
    fields = {"job_id": str(delivery.job_id), "delivery": str(delivery.pk), "kind": delivery.kind}
    _attempt(delivery, outbox, partial(_send, delivery), fields)


def send_notice(notice: Notice) -> None:
    """Send a claimed notice and record the outcome."""
    _attempt(notice, notices, partial(sending.send, notice), {"notice": str(notice.pk), "kind": notice.kind})


class Recorder(Protocol[Recorded]):
    """Records what came of an attempt. False: its lease was lost."""

    def mark_sent(self, row: Recorded, /) -> bool: ...
    def mark_skipped(self, row: Recorded, reason: str, /) -> bool: ...
    def mark_failed(self, row: Recorded, error: str, /, *, permanent: bool = False) -> bool: ...


def _attempt(row: Row, box: Recorder[Row], send: Work, fields: dict[str, str]) -> None:
    # Nothing is sent before the database has answered: an outcome that can't be recorded means to send again.
    if not _persistently(partial(renew, row)):
        return
    try:
        with kept_lease(row):
            # More attempts than allowed: earlier ones killed the deliverer before they could be recorded.
            if row.attempt > MAX_ATTEMPTS:
                raise Undeliverable("All attempts failed.", permanent=True)
            send()
    except Unwanted as error:
        record = partial(box.mark_skipped, row, str(error))
    except Undeliverable as error:
        log.warning("not delivered: %s", error, extra=fields, exc_info=error.__cause__)
        record = partial(box.mark_failed, row, str(error), permanent=error.permanent)
    except Exception:
        log.exception("A delivery failed.", extra=fields)
        record = partial(box.mark_failed, row, "The delivery failed. The server's log has the details.")
    else:
        log.info("delivered", extra=fields)
        record = partial(box.mark_sent, row)
    _persistently(record)


def _send(delivery: Delivery) -> None:
    if sentence := recipients.is_unwanted(delivery):
        raise Unwanted(sentence)
    if sentence := recipients.refusal(delivery):
        raise Undeliverable(sentence, permanent=True)
    try:
        check_caller_unchanged(delivery.job, None)
    except CallerAttributesChanged as error:
        raise Undeliverable(error.message, permanent=True) from None
    options = delivery.options or {}
    result = OutgoingResult(delivery.pk, delivery.job, delivery.target, delivery.fence, options, delivery.schedule)
    try:
        SENDERS[delivery.kind].send(result)
    except StorageUnavailable as error:
        raise Undeliverable(error.message) from error
    except ResultMissing as error:
        raise Undeliverable("The result file was deleted or changed while it was sent.", permanent=True) from error


def _persistently(write: Callable[[], bool]) -> bool:
    """Write until the database answers, however long it is away."""
    while True:
        try:
            return write()
        except (OperationalError, InterfaceError):
            log.warning("The state of a delivery can't be written yet.", exc_info=True)
            connections.close_all()
            time.sleep(1)
