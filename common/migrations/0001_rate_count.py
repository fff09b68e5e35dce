"""The table of rate limits. Earlier versions created it when it was first used, so it may be there already."""

from django.db import migrations, models


def create_table(apps, schema_editor):
    unlogged = "unlogged" if schema_editor.connection.vendor == "postgresql" else ""
    schema_editor.execute(
        f"create {unlogged} table if not exists rate_count "
        "(key char(64) primary key, started bigint not null, used bigint not null)"
    )


def drop_table(apps, schema_editor):
    schema_editor.execute("drop table if exists rate_count")


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(create_table, drop_table)],
            state_operations=[
                migrations.CreateModel(
                    name="RateCount",
                    fields=[
                        (
                            "key",
                            models.CharField(
                                help_text="SHA-256 of scope and caller.",
                                max_length=64,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("started", models.BigIntegerField(help_text="Start of the window, in seconds since 1970.")),
                        ("used", models.BigIntegerField(help_text="Calls in this window.")),
                    ],
                    options={"db_table": "rate_count"},
                )
            ],
        )
    ]
