"""Remembers which locations a definitions file has set. Existing ones count as such: they keep working."""

from django.db import migrations, models


def trust_existing(apps, schema_editor):
    apps.get_model("reports", "DataSource").objects.update(is_operators=True)


class Migration(migrations.Migration):
    dependencies = [("reports", "0008_roles_of_tenants")]
    operations = [
        migrations.AddField(
            "datasource",
            "is_operators",
            models.BooleanField(
                db_default=False,
                default=False,
                editable=False,
                help_text="A definitions file has set the location.",
            ),
        ),
        migrations.RunPython(trust_existing, migrations.RunPython.noop),
    ]
