"""The database also refuses to change whether a version depends on its caller."""

from importlib import import_module

from django.db import migrations

_deliver = import_module("reports.migrations.0010_deliver")
_FIELDS = f"{_deliver.FIELDS}, deliver"


class Migration(migrations.Migration):
    dependencies = [("reports", "0011_callers")]
    operations = [
        migrations.RunPython(_deliver._trigger(f"{_FIELDS}, caller_names"), _deliver._trigger(_FIELDS)),
    ]
