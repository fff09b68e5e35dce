"""Writing files that a command's options name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.management.base import CommandError


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn errors about the file into a CommandError that names it."""
    try:
        yield
    except OSError as error:
        raise CommandError(f"{path} can't be written: {error.strerror or error}.") from error


def check_writable(path: Path) -> None:
    """Raise CommandError unless a file can be written at the path. An existing file is not changed."""
    with writing(path):
        try:
            path.touch(exist_ok=False)
            path.unlink()
        except FileExistsError:
            # Non-blocking: opening a pipe that nobody reads would wait forever.
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
