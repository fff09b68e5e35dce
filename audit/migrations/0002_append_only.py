"""The database itself refuses to change or delete an audit entry."""

from django.db import migrations

SQLITE = [
    "create trigger audit_no_update before update on audit_auditlog begin select raise(abort, 'audit entries are append-only'); end",
    "create trigger audit_no_delete before delete on audit_auditlog begin select raise(abort, 'audit entries are append-only'); end",
]
POSTGRESQL = [
    """create function audit_append_only() returns trigger language plpgsql as
    $$ begin raise exception 'audit entries are append-only'; end $$""",
    """create trigger audit_no_change before update or delete on audit_auditlog
    for each row execute function audit_append_only()""",
    """create trigger audit_no_truncate before truncate on audit_auditlog
    for each statement execute function audit_append_only()""",
]


def create(apps, schema_editor):
    for statement in SQLITE if schema_editor.connection.vendor == "sqlite" else POSTGRESQL:
        schema_editor.execute(statement)


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("drop trigger audit_no_update")
        schema_editor.execute("drop trigger audit_no_delete")
    else:
        schema_editor.execute("drop function audit_append_only cascade")


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [migrations.RunPython(create, drop)]
