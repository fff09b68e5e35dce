"""What is known of a published file. Processes that run reports use it, so it uses no settings and no models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """A published file. `size` is in bytes, `sha256` in hexadecimal; the stamp tells whether it was changed since."""

    format: str
    size: int
    sha256: str
    stamp: str


class NamedFile(NamedTuple):
    """A published file, and its name in the store."""

    name: str
    file: StoredFile
