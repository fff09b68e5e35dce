"""Versions may limit how many jobs of their report run at once, and the database refuses to change that as well."""

from django.db import migrations, models

FIELDS = (
    "number, name, description, query, parameters, formats, timeout_seconds, max_rows, options, max_attempts, "
    "retention_days"
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
    dependencies = [("reports", "0004_data_source_kinds")]
    operations = [
        migrations.AddField(
            "reportversion",
            "max_running",
            models.PositiveSmallIntegerField(help_text="Jobs of the report that may run at once.", null=True),
        ),
        migrations.AddIndex(
            "reportversion",
            models.Index(
                fields=["max_running"], name="version_limited", condition=models.Q(max_running__isnull=False)
            ),
        ),
        migrations.RunPython(_trigger(f"{FIELDS}, max_running"), _trigger(FIELDS)),
    ]
