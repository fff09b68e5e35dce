"""The process of a jobserver that sends what waits in the outbox. Being killed loses nothing."""

from __future__ import annotations

import logging
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

from django.db import Error, connections

from common.processes import die_with_parent
from jobs.delivery import SENDERS, OutgoingResult, Undeliverable, outbox
from jobs.models import Delivery

log = logging.getLogger(__name__)
#: Deliveries at once: one that answers slowly does not keep the others.
_AT_ONCE = 4
#: Seconds between two looks while nothing is due.
_IDLE_SECONDS = 1.0


def run_deliverer(parent: int) -> None:
    """The process; never returns."""
    code = 1
    try:
        die_with_parent(parent)
        os.setsid()
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        _deliver_until(stopping)
        code = 0
    except BaseException:
        log.exception("The deliverer failed.")
    finally:
        os._exit(code)


def deliver(delivery: Delivery) -> None:
    """Send one that was claimed, and write down how that went."""
    try:
        if delivery.attempt > outbox.MAX_ATTEMPTS:
            raise Undeliverable("It was tried too often.", permanent=True)
        SENDERS[delivery.kind].send(OutgoingResult(delivery.pk, delivery.job, delivery.target))
    except Undeliverable as error:
        log.warning("not delivered: %s", error, extra=_named(delivery), exc_info=error.__cause__)
        outbox.mark_failed(delivery, str(error), permanent=error.permanent)
    except Exception:
        log.exception("A delivery failed.", extra=_named(delivery))
        outbox.mark_failed(delivery, "The delivery failed; the server's log has the details.")
    else:
        log.info("delivered", extra=_named(delivery))
        outbox.mark_sent(delivery)


def _deliver_until(stopping: threading.Event) -> None:
    free = threading.BoundedSemaphore(_AT_ONCE)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        while not stopping.is_set():
            # Before the claim: what is claimed is sent at once, well within its lease.
            if not free.acquire(timeout=_IDLE_SECONDS):
                continue
            claimed = _claim()
            if claimed is None:
                free.release()
                stopping.wait(_IDLE_SECONDS)
            else:
                pool.submit(_in_thread, claimed, free)


def _claim() -> Delivery | None:
    try:
        return outbox.claim()
    except Error:
        log.warning("The outbox can't be read.", exc_info=True)
        connections.close_all()
        return None


def _in_thread(delivery: Delivery, free: threading.BoundedSemaphore) -> None:
    try:
        deliver(delivery)
    except Exception:
        # It is due again after its lease.
        log.exception("How a delivery went could not be written.", extra=_named(delivery))
        connections.close_all()
    finally:
        free.release()


def _named(delivery: Delivery) -> dict[str, str]:
    return {"job_id": str(delivery.job_id), "delivery": str(delivery.pk), "kind": delivery.kind}
