"""The marker of the store: a file whose text is in the database, too.

A share that isn't mounted is an empty folder that can be written: no other host would see a result in it. Processes
that run reports look at the marker, so this uses no settings and no models.
"""

from __future__ import annotations

from pathlib import Path

from common.files import rename_durably
from jobs.exceptions import WrongStore

#: Not hidden, so that it is copied with the results.
NAME = "store-id"


def read(store: Path) -> str:
    """Return the text of the marker; empty if the store has none. Raise OSError if it can't be read."""
    try:
        return (store / NAME).read_text().strip()
    except FileNotFoundError:
        return ""


def write(store: Path, text: str) -> None:
    """Write the marker, durably."""
    draft = store / f"{NAME}.part"
    draft.write_text(f"{text}\n")
    rename_durably(draft, store / NAME)


def check(store: Path, expected: str) -> None:
    """Raise WrongStore unless the store has this marker. An empty text stands for any."""
    if expected and read(store) != expected:
        raise WrongStore
