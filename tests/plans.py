"""Query plans of SQLite."""

from __future__ import annotations

import pytest
from django.db import connection

only_on_sqlite = pytest.mark.skipif(
    connection.vendor != "sqlite",
    reason="PostgreSQL's plan depends on the table's size, which is small in a test.",
)


def plan_of(statement: str) -> str:
    """Return the steps of SQLite's plan, one a line. Each names the index it uses."""
    with connection.cursor() as cursor:
        cursor.execute(f"explain query plan {statement}")
        return "\n".join(row[-1] for row in cursor.fetchall())
