"""Is the schema of the databases the one that this program needs?"""

from __future__ import annotations

from functools import cache

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from audit.verification import begin_heads

REMEDY = "Run manage.py prepare."
STORE_REMEDY = "Mount it, or run manage.py prepare --adopt-store if it was moved or restored without the file store-id."


def not_prepared() -> str:
    """A sentence that says what the databases lack; empty if they are up to date. One short query for each."""
    pending = 0
    for alias in {"default", settings.COUNTERS_DATABASE}:
        # The counters' database holds only the tables of `common`; other migrations don't apply to it.
        known = {key for key in _known_migrations() if alias == "default" or key[0] == "common"}
        pending += len(known - set(MigrationRecorder(connections[alias]).applied_migrations()))
    return f"Migrations that have not been applied: {pending}." if pending else ""


def require_prepared() -> None:
    """Raise CommandError unless the databases are up to date: every part of the server would fail again and again.

    On a host's first start, begin to keep the end of the audit log outside the database.
    """
    if sentence := not_prepared():
        raise CommandError(f"The database is not prepared. {sentence} {REMEDY}")
    begin_heads()
    connections.close_all()


@cache
def _known_migrations() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).disk_migrations)
