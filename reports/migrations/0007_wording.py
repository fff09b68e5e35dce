"""Wording only: no table changes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("reports", "0006_deliveries")]
    operations = [
        migrations.AlterModelOptions(
            "reportconfiguration",
            {
                "ordering": ["slug"],
                "permissions": [("generate_reportconfiguration", "Can run the report and see own jobs")],
                "verbose_name": "report",
            },
        ),
        migrations.AlterField(
            "reportversion",
            "max_running",
            models.PositiveSmallIntegerField(
                help_text="Jobs of the report that can run at the same time.", null=True
            ),
        ),
        migrations.AlterField(
            "webhooksecret", "url_digest", models.CharField(help_text="SHA-256 of the URL.", max_length=64)
        ),
    ]
