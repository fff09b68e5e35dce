"""Database router: the tables of `common` live in settings.COUNTERS_DATABASE, all others in `default`."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import Model


class CountersRouter:
    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        return settings.COUNTERS_DATABASE if model._meta.app_label == "common" else None

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == (settings.COUNTERS_DATABASE if app_label == "common" else "default")
