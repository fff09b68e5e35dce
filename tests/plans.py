"""How SQLite goes about a statement."""

from __future__ import annotations

import pytest
from django.db import connection

only_on_sqlite = pytest.mark.skipif(
    connection.vendor != "sqlite", reason="PostgreSQL plans by size, and a test's table is small."
)


def plan_of(statement: str) -> str:
    """The steps, each of which names its index."""
    with connection.cursor() as cursor:
        cursor.execute(f"explain query plan {statement}")
        return "\n".join(row[-1] for row in cursor.fetchall())
