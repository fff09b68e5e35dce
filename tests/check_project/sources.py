"""The files that the checks read, and which layer each belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.server import ROOT

#: Highest first: each app may use only itself and those after it, as `pyproject.toml` says for imports.
LAYERS = ("reportserver", "schedules", "jobs", "reports", "audit", "accounts", "common")


def python_files(*folders: str) -> Iterator[Path]:
    """Modules below these folders, without migrations, which are never edited."""
    for folder in folders:
        yield from (path for path in sorted((ROOT / folder).rglob("*.py")) if "migrations" not in path.parts)


def module_name(path: Path) -> str:
    """The dotted name of a module or, for an `__init__.py`, of its package."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def is_above(app: str, other: str) -> bool:
    """True if `app` is a higher layer than `other`, so that `other` must not use it."""
    return LAYERS.index(app) < LAYERS.index(other)
