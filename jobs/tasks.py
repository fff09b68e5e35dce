"""Functions that django-q2 calls by their dotted path."""

from __future__ import annotations

from jobs.execution import worker


def wake_worker() -> None:
    """Claim the next job, if there is one, and run it to its end."""
    worker.run_next_job()


#: Messages of version 0.1 that are still in the queue call the function by this name.
doorbell = wake_worker
