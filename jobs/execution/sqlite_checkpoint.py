"""Checkpoints of SQLite's write-ahead log, never beside a commit.

SQLite before 3.51.3 can corrupt a file when one connection checkpoints while another commits and the log restarts
(https://sqlite.org/wal.html, "the WAL-reset bug"). So automatic checkpoints are off, and this one holds the write lock.
"""

from __future__ import annotations

import sqlite3

from django.conf import settings
from django.db import connection, transaction


def checkpoint() -> None:
    """Copy the log into the database file, if the database is SQLite."""
    if not settings.SQLITE:
        return
    with transaction.atomic(), sqlite3.connect(connection.settings_dict["NAME"]) as beside:
        beside.execute("pragma wal_checkpoint(passive)").fetchall()
    beside.close()
