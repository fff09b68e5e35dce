"""Versions say when their results are sent. Those of before send always; the database refuses to change it."""

from django.db import migrations, models

FIELDS = (
    "number, name, description, query, parameters, formats, timeout_seconds, max_rows, options, max_attempts, "
    "retention_days, max_running"
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
    dependencies = [("reports", "0009_locations_of_operators")]
    operations = [
        migrations.AddField(
            "reportversion",
            "deliver",
            models.CharField(
                choices=[
                    ("on_request", "Only if whoever runs it asks for it"),
                    ("always", "After each run"),
                ],
                db_default="always",
                default="on_request",
                help_text="When results are sent to its targets.",
                max_length=10,
            ),
        ),
        migrations.RunPython(_trigger(f"{FIELDS}, deliver"), _trigger(FIELDS)),
    ]
