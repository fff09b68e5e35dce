"""Copies of kept rows on this host, beside an object store: people turn the pages of what they look at.

A copy is deleted when nobody has read it for some minutes. Where results are in a folder, there are none.
"""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from pathlib import Path

from django.conf import settings

from jobs.results import store
from jobs.results.publishing import StoredFile

_UNUSED_SECONDS = 600


def path(name: str, file: StoredFile) -> Path:
    """Return the path of a file on this host. Raise as `Store.fetch_verified` does."""
    folder = _folder()
    copy = folder / file.sha256
    if settings.ARTIFACTS_URL and copy.exists():
        os.utime(copy)
        return copy
    delete_unused()
    draft = folder / f"{file.sha256}.{uuid.uuid4().hex}"
    found = store.current().fetch_verified(name, draft, size=file.size, sha256=file.sha256, stamp=file.stamp)
    return draft.rename(copy) if found == draft else found


def delete_unused() -> int:
    """Delete the copies that nobody has read for a while. Return their number."""
    deleted = 0
    # Another process may delete them, too.
    with contextlib.suppress(FileNotFoundError):
        for file in _folder().iterdir():
            if file.stat().st_mtime < time.time() - _UNUSED_SECONDS:
                file.unlink()
                deleted += 1
    return deleted


def _folder() -> Path:
    return Path(settings.DATA_DIR) / "rows"
