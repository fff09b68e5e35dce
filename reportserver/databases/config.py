"""Django's settings of the databases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from common.sql import CREATE_COUNTS_ON_SQLITE

_SQLITE_OPTIONS = {
    # Take the write lock when a transaction starts. A transaction that reads first and then writes would fail at once
    # if another one had written in between.
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "sync_after_commit": True,
    # FULL: a job that was accepted with 202 must survive a power cut. No automatic checkpoints: before SQLite 3.51.3 a
    # checkpoint during a commit can corrupt the file, so jobs.execution.sqlite_checkpoint makes them while it holds the
    # write lock.
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY; "
    "PRAGMA cache_size=-20000; PRAGMA journal_size_limit=67108864; PRAGMA wal_autocheckpoint=0;",
}
#: What a connection to PostgreSQL sets. A job that was accepted or a result that was handed out must survive a crash of
#: the database. Poolers don't pass these on; doctor says so.
POSTGRESQL_SETTINGS = {
    "synchronous_commit": "on",
    "lock_timeout": "20s",
    "idle_in_transaction_session_timeout": "20s",
}
_POSTGRESQL_OPTIONS = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15000,
    "options": " ".join(f"-c {name}={value}" for name, value in POSTGRESQL_SETTINGS.items()),
}
_COUNTERS_OPTIONS = {
    "timeout": 5,
    "transaction_mode": "IMMEDIATE",
    "init_command": f"PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; {CREATE_COUNTS_ON_SQLITE}",
}


def is_sqlite(database: dict[str, Any]) -> bool:
    return str(database["ENGINE"]).endswith("sqlite3")


def databases(default: dict[str, Any], *, counters: Path) -> dict[str, dict[str, Any]]:
    """Return DATABASES: `default` with the server's own backend and options and, on SQLite, the file `counters`.

    Rate limits write with every call, and their counts are worthless after a crash. In a separate file, they
    neither wait for the jobs' transactions nor delay them. It needs no preparation: it is made when it is opened.
    """
    kept_open = {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}
    if not is_sqlite(default):
        options = default.get("OPTIONS", {}) | _POSTGRESQL_OPTIONS
        # Server-side cursors don't survive a pooler in transaction mode.
        postgresql = {"ENGINE": "reportserver.databases.postgresql", "DISABLE_SERVER_SIDE_CURSORS": True}
        return {"default": default | kept_open | postgresql | {"OPTIONS": options}}
    sqlite = {"ENGINE": "reportserver.databases.sqlite"}
    return {
        "default": default | kept_open | sqlite | {"OPTIONS": default.get("OPTIONS", {}) | _SQLITE_OPTIONS},
        "counters": kept_open
        | {
            "ENGINE": "reportserver.databases.sqlite_cache",
            "NAME": counters,
            "OPTIONS": _COUNTERS_OPTIONS,
            "TEST": {"NAME": None},
        },
    }
