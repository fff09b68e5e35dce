"""Files that a command writes where it was told to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.management.base import CommandError


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What goes wrong with the file is a CommandError that names it."""
    try:
        yield
    except OSError as error:
        raise CommandError(f"{path} can't be written: {error.strerror or error}.") from error


def check_writable(path: Path) -> None:
    """CommandError unless a file can be written there. Leaves what is there as it is."""
    with writing(path):
        try:
            path.touch(exist_ok=False)
            path.unlink()
        except FileExistsError:
            # A pipe that nobody reads would be waited for otherwise.
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
