"""The triggers that keep rows as they are survive every migration."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, models
from django.test.utils import isolate_apps

TRIGGERS = {
    "sqlite": {
        *("accounts_user_end_sessions", "audit_no_delete", "audit_no_update", "report_version_immutable"),
        *("audit_archive_no_delete", "audit_archive_no_update"),
    },
    "postgresql": {
        *("accounts_user_end_sessions", "audit_no_change", "audit_no_truncate", "report_version_immutable"),
        *("audit_archive_no_change", "audit_archive_no_truncate"),
    },
}
_NAMES = {
    "sqlite": "select name from sqlite_master where type = 'trigger'",
    "postgresql": "select tgname from pg_trigger where not tgisinternal",
}


def test_all_triggers_are_there(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_NAMES[connection.vendor])
        assert {name for (name,) in cursor.fetchall()} == TRIGGERS[connection.vendor]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="Only SQLite copies tables.")
@pytest.mark.django_db(transaction=True)
@isolate_apps("accounts")
def test_a_changed_column_keeps_the_triggers_of_its_table() -> None:
    class Kept(models.Model):
        number = models.IntegerField()

        class Meta:
            app_label = "accounts"

        def __str__(self) -> str:
            return str(self.number)

    sentence = "no row may be deleted"
    added = models.JSONField(default=dict)
    added.set_attributes_from_name("added")
    try:
        with connection.schema_editor() as editor:
            editor.create_model(Kept)
            editor.execute(
                f"create trigger kept before delete on accounts_kept begin select raise(abort, '{sentence} %'); end",
                params=None,
            )
            editor.add_field(Kept, added)
        with connection.cursor() as cursor:
            cursor.execute("insert into accounts_kept (number, added) values (1, '{}')")
            with pytest.raises(IntegrityError, match=sentence):
                cursor.execute("delete from accounts_kept")
    finally:
        with connection.schema_editor() as editor:
            editor.execute("drop table accounts_kept")
