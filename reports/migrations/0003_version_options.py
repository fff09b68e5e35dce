"""Versions keep the further options of their definition, and the database refuses to change them as well."""

from django.db import migrations, models

FIELDS = (
    "number, name, description, query, parameters, formats, timeout_seconds, max_rows, max_attempts, retention_days"
)


def _statements(vendor, fields):
    """Drop the trigger that there is, and make the one over these columns."""
    if vendor == "sqlite":
        return [
            "drop trigger if exists report_version_immutable",
            f"""create trigger report_version_immutable before update of {fields} on reports_reportversion
            begin select raise(abort, 'versions of a report are immutable'); end""",
        ]
    return [
        "drop trigger if exists report_version_immutable on reports_reportversion",
        f"""create trigger report_version_immutable before update of {fields} on reports_reportversion
        for each row execute function report_version_immutable()""",
    ]


def _trigger(fields):
    def apply(apps, schema_editor):
        for statement in _statements(schema_editor.connection.vendor, fields):
            schema_editor.execute(statement)

    return apply


class Migration(migrations.Migration):
    dependencies = [("reports", "0002_immutable_versions")]
    operations = [
        migrations.AddField("reportversion", "options", models.JSONField(blank=True, default=dict)),
        migrations.RunPython(_trigger(f"{FIELDS}, options"), _trigger(FIELDS)),
    ]
