"""Keeps the lease of a delivery while it is sent: a large file or a slow mail server may take longer than a lease."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import Error, connections

from jobs.delivery.outgoing import Outgoing, renew

log = logging.getLogger(__name__)
#: The share of a lease after which it is renewed: two renewals may fail before it ends.
_RENEWAL_SHARE = 1 / 3
#: Seconds after which a renewal that failed is tried again.
_RETRY_SECONDS = 1


@contextmanager
def kept_lease(row: Outgoing) -> Iterator[None]:
    """Renew the lease during the block. After it, nothing changes the row any more."""
    done = threading.Event()
    thread = threading.Thread(target=_renew_until, args=(done, row), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _renew_until(done: threading.Event, row: Outgoing) -> None:
    wait = settings.DELIVERY_LEASE_SECONDS * _RENEWAL_SHARE
    seconds = wait
    while not done.wait(seconds):
        try:
            renew(row)
            seconds = wait
        except Error:
            # After an outage the lease may have ended: nobody else may send the delivery before it is renewed.
            seconds = min(wait, _RETRY_SECONDS)
            log.warning("The lease of a delivery could not be renewed.", extra={"delivery": str(row.pk)})
        finally:
            # This thread's own connection, which would be idle until the next renewal.
            connections.close_all()
