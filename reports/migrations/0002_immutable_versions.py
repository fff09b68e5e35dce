"""The database itself refuses to change what a version of a report says."""

from django.db import migrations

FIELDS = (
    "number, name, description, query, parameters, formats, timeout_seconds, max_rows, max_attempts, retention_days"
)
SQLITE = f"""create trigger report_version_immutable before update of {FIELDS} on reports_reportversion
begin select raise(abort, 'versions of a report are immutable'); end"""
POSTGRESQL = [
    """create function report_version_immutable() returns trigger language plpgsql as
    $$ begin raise exception 'versions of a report are immutable'; end $$""",
    f"""create trigger report_version_immutable before update of {FIELDS} on reports_reportversion
    for each row execute function report_version_immutable()""",
]


def create(apps, schema_editor):
    for statement in [SQLITE] if schema_editor.connection.vendor == "sqlite" else POSTGRESQL:
        schema_editor.execute(statement)


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("drop trigger report_version_immutable")
    else:
        schema_editor.execute("drop function report_version_immutable cascade")


class Migration(migrations.Migration):
    dependencies = [("reports", "0001_initial")]
    operations = [migrations.RunPython(create, drop)]
