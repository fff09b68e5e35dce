"""Django's schema editor for SQLite, without losing triggers.

For most changes of a column, Django copies the table and drops the old one, and with it its triggers: the rules that no
statement can avoid. A migration that forgot to make them again would go unnoticed.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.sqlite3 import schema


class DatabaseSchemaEditor(schema.DatabaseSchemaEditor):
    def _remake_table(self, model: Any, *args: Any, **kwargs: Any) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(
                "select sql from sqlite_master where type = 'trigger' and tbl_name = %s", [model._meta.db_table]
            )
            triggers = [sql for (sql,) in cursor]
        super()._remake_table(model, *args, **kwargs)  # type: ignore[misc] # not in the stubs
        for sql in triggers:
            self.execute(sql, params=None)
