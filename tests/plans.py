"""Query plans."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet

only_on_sqlite = pytest.mark.skipif(
    connection.vendor != "sqlite",
    reason="PostgreSQL's plan depends on the table's size, which is small in a test.",
)


def plan_of(statement: str) -> str:
    """Return the steps of SQLite's plan, one a line. Each names the index it uses."""
    with connection.cursor() as cursor:
        cursor.execute(f"explain query plan {statement}")
        return "\n".join(row[-1] for row in cursor.fetchall())


def plan_by_index(rows: QuerySet[Any]) -> str:
    """Return the plan that the database has if it prefers indexes, as it does for large tables.

    In a small table, PostgreSQL reads all rows and sorts them, depending on when it last counted them.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                for method in ("seqscan", "bitmapscan", "sort"):
                    cursor.execute(f"set local enable_{method} = off")
        return rows.explain()
