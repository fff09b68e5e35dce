"""What django-q2 calls, by its dotted path."""

from __future__ import annotations

from jobs import worker


def doorbell() -> None:
    """Claim the next job, if there is one, and run it to its end."""
    worker.work()
