"""The store of results as this installation knows it: which one it is, and which marker it must have."""

from __future__ import annotations

import uuid
from pathlib import Path

from django.conf import settings
from django.core.cache import cache
from django.db import transaction

from jobs.models import ResultStore
from jobs.results.stores.base import Store, check_marker
from jobs.results.stores.folder import FolderStore
from jobs.results.stores.objects import ObjectStore

_CACHE_KEY = "jobs.results.store-marker"
_CACHE_SECONDS = 60


def current() -> Store:
    """Return the store that the settings name."""
    return at(settings.ARTIFACTS_URL or Path(settings.ARTIFACTS_DIR))


def at(place: str | Path) -> Store:
    """Return the store in a folder, or in the bucket at a URL."""
    return FolderStore(place) if isinstance(place, Path) else ObjectStore(place)


def expected_marker() -> str:
    """Return the text of the store's marker; empty as long as `prepare` has not marked the store."""
    return str(cache.get_or_set(_CACHE_KEY, _stored_marker, _CACHE_SECONDS))


def mark(*, adopt: bool = False) -> None:
    """Mark the store when the installation is prepared for the first time; with `adopt`, a store that took its place.

    Raise WrongStore if the store has another marker than the database knows, or none; StorageUnavailable if it can't
    be reached.
    """
    store = current()
    found = store.read_marker()
    with transaction.atomic():
        row, is_new = ResultStore.objects.get_or_create(pk=1, defaults={"marker": found or uuid.uuid4().hex})
        if is_new or adopt:
            store.write_marker(row.marker)
    check_marker(store, row.marker)


def check() -> None:
    """Raise WrongStore if the store is another one, StorageUnavailable or OSError if it can't be read."""
    check_marker(current(), expected_marker())


def _stored_marker() -> str:
    return ResultStore.objects.filter(pk=1).values_list("marker", flat=True).first() or ""
