"""Which files of the server can other users of this machine read?"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def open_to_others() -> Iterator[Path]:
    """Yield folders and files that the group or others may use: the data folder, database, logs and results.

    A file in a folder that is closed to them isn't yielded, whatever its own mode. Keys have a check of their own.
    """
    folders = {Path(settings.DATA_DIR), Path(settings.ARTIFACTS_DIR)}
    opened = {folder for folder in folders if _is_open(folder)}
    yield from sorted(opened)
    for path in _files():
        if path.parent in opened or path.parent not in folders:
            yield from _open_below(path)


def _files() -> Iterator[Path]:
    """The files of the databases, and the folders of logs and instances."""
    if settings.SQLITE:
        for database in settings.DATABASES.values():
            name = Path(database["NAME"]).resolve()
            yield from sorted(name.parent.glob(f"{name.name}*"))
    yield Path(settings.DATA_DIR) / "logs"


def _open_below(path: Path) -> Iterator[Path]:
    if not _is_open(path):
        return
    yield path
    if path.is_dir():
        yield from (file for file in sorted(path.iterdir()) if _is_open(file))


def _is_open(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & _OTHERS)
    except FileNotFoundError:
        return False
