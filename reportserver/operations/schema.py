"""Is the schema of the database the one that this program needs?"""

from __future__ import annotations

from functools import cache

from django.core.management.base import CommandError
from django.db import connection, connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from audit.verification import begin_heads
from reportserver.operations import file_systems

REMEDY = "Run manage.py prepare."
STORE_REMEDY = "Mount it, or run manage.py prepare --adopt-store if it was moved or restored without the file store-id."


def not_prepared() -> str:
    """A sentence that says what the database lacks; empty if it is up to date. One short query."""
    # The counters' own file on SQLite is made when it is opened.
    pending = len(_known_migrations() - set(MigrationRecorder(connection).applied_migrations()))
    return f"Migrations that have not been applied: {pending}." if pending else ""


def require_prepared() -> None:
    """Raise CommandError unless the database is up to date: every part of the server would fail again and again.

    On a network file system the database isn't even opened. On a host's first start, begin to keep the end of the audit
    log outside the database.
    """
    file_systems.require_local()
    if sentence := not_prepared():
        raise CommandError(f"The database is not prepared. {sentence} {REMEDY}")
    begin_heads()
    connections.close_all()


@cache
def _known_migrations() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).disk_migrations)
