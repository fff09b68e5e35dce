"""The store of results as the database knows it: which marker it must have."""

from __future__ import annotations

import uuid
from pathlib import Path

from django.conf import settings
from django.core.cache import cache
from django.db import transaction

from jobs.models import ResultStore
from jobs.results import store_marker

_CACHE_KEY = "jobs.results.store-marker"
_CACHE_SECONDS = 60


def expected_marker() -> str:
    """Return the text of the store's marker; empty as long as `prepare` has not marked the store."""
    return str(cache.get_or_set(_CACHE_KEY, _stored_marker, _CACHE_SECONDS))


def mark(*, adopt: bool = False) -> None:
    """Mark the store when the installation is prepared for the first time; with `adopt`, a store that took its place.

    Raise WrongStore if the store has another marker than the database knows, or none.
    """
    folder = Path(settings.ARTIFACTS_DIR)
    with transaction.atomic():
        marker = store_marker.read(folder) or uuid.uuid4().hex
        row, is_new = ResultStore.objects.get_or_create(pk=1, defaults={"marker": marker})
        if is_new or adopt:
            store_marker.write(folder, row.marker)
    store_marker.check(folder, row.marker)


def check() -> None:
    """Raise WrongStore if the store is another one, or OSError if it can't be read."""
    store_marker.check(Path(settings.ARTIFACTS_DIR), expected_marker())


def _stored_marker() -> str:
    return ResultStore.objects.filter(pk=1).values_list("marker", flat=True).first() or ""
