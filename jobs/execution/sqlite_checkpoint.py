"""Checkpoints of SQLite's write-ahead log, never during a commit.

Before 3.51.3, SQLite can corrupt a database if one connection runs a checkpoint while another commits and the log
restarts (https://sqlite.org/wal.html, "the WAL-reset bug"). So automatic checkpoints are off, and this one holds the
write lock.
"""

from __future__ import annotations

import sqlite3

from django.conf import settings
from django.db import connection, transaction


def checkpoint() -> None:
    """Copy the write-ahead log into the database file, if the database is SQLite."""
    if not settings.SQLITE:
        return
    # A second connection, because a connection can't run a checkpoint inside its own transaction.
    with transaction.atomic(), sqlite3.connect(connection.settings_dict["NAME"]) as second_connection:
        second_connection.execute("pragma wal_checkpoint(passive)").fetchall()
    second_connection.close()
