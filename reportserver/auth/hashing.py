"""Password hashing, of which a host does only a few at a time: each takes a core for 50 ms and 100 MB of memory."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher

from reportserver.auth.exceptions import TooManySignIns

#: How long a hash waits for others to end, and the time between its attempts.
_MAX_WAIT_SECONDS = 5.0
_POLL_SECONDS = 0.01


class BoundedArgon2PasswordHasher(Argon2PasswordHasher):
    """Argon2, at most settings.PASSWORD_HASHES at a time on this host. Raises TooManySignIns after a few seconds.

    Django hashes once for an unknown user name as well, so this bounds all sign-ins and all changes of passwords.
    """

    def encode(self, password: str, salt: str) -> str:
        with _slot():
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        with _slot():
            return super().verify(password, encoded)


@contextmanager
def _slot() -> Iterator[None]:
    """Hold one of the host's slots: a lock on a file, which the kernel releases if the process is killed."""
    folder = Path(settings.DATA_DIR) / "hashing"
    folder.mkdir(mode=0o700, exist_ok=True)
    deadline = time.monotonic() + _MAX_WAIT_SECONDS
    while True:
        for number in range(settings.PASSWORD_HASHES):
            with (folder / str(number)).open("ab") as file, suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield
                return
        if time.monotonic() > deadline:
            raise TooManySignIns
        time.sleep(_POLL_SECONDS)
