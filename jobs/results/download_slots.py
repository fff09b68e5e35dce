"""How many results a user downloads at once from this host.

A slot is a lock on a file. The kernel releases it when the last descriptor is closed: after the last byte was sent,
whichever thread sends it, and also when the process is killed.
"""

from __future__ import annotations

import fcntl
import os
from uuid import UUID

from django.conf import settings

from jobs.exceptions import TooManyDownloads


def acquire(user_id: UUID | int | str) -> int:
    """Return the descriptor of a free slot of the user. Raises TooManyDownloads."""
    folder = settings.DATA_DIR / "downloads"
    folder.mkdir(mode=0o700, exist_ok=True)
    for number in range(settings.MAX_DOWNLOADS_PER_USER):
        descriptor = os.open(folder / f"{user_id}-{number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
        else:
            return descriptor
    raise TooManyDownloads
