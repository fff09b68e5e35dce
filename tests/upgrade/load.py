"""Store recorded rows in an empty database as the earlier version had them: `python -m tests.upgrade.load NAME FOLDER`.

The schema is built by the migrations that the earlier version had, and the rows are written by the models of that time,
which Django reconstructs from the migrations. The database is the one of the settings; FOLDER holds the data sources.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import django
from django.core.management.color import no_style
from django.core.management.sql import emit_post_migrate_signal
from django.db import connection, models, transaction
from django.db.migrations.executor import MigrationExecutor

from tests.server import ROOT
from tests.upgrade import HERE

#: The last migration of each app of this project in the recorded versions.
MIGRATIONS = {
    "a50b845": {
        "accounts": "0001_initial",
        "audit": "0007_delivery_retried",
        "reports": "0006_deliveries",
        "jobs": "0013_errors_by_rights",
    }
}


def main(name: str, folder: str) -> None:
    django.setup()
    executor = MigrationExecutor(connection)
    targets = [*MIGRATIONS[name].items(), *_apps_of_others(executor)]
    apps = executor.migrate(targets).apps
    # Creates content types and permissions.
    emit_post_migrate_signal(verbosity=0, interactive=False, db=connection.alias, apps=apps)
    rows = json.loads((HERE / "data" / name / "rows.json").read_text())
    stored = {apps.get_model(row["model"]) for row in rows}
    with transaction.atomic():
        for row in rows:
            _store(apps, row, folder)
    reset = connection.ops.sequence_reset_sql(no_style(), sorted(stored, key=lambda model: str(model._meta.label)))
    with connection.cursor() as cursor:
        for statement in reset:
            cursor.execute(statement)


def _apps_of_others(executor: MigrationExecutor) -> Iterator[tuple[str, str]]:
    """The newest migrations of Django's and other packages' apps."""
    for app, migration in executor.loader.graph.leaf_nodes():
        if not (ROOT / app).is_dir():
            yield app, migration


def _store(apps: Any, row: dict[str, Any], folder: str) -> None:
    model = apps.get_model(row["model"])
    values: dict[str, Any] = {"pk": row["pk"]}
    many = {}
    for name, value in row["fields"].items():
        field = model._meta.get_field(name)
        if field.many_to_many:
            many[name] = value
        elif name == "permission":
            values["permission"] = apps.get_model("auth.Permission").objects.get(
                codename=value, content_type__app_label="reports"
            )
        elif isinstance(value, str) and isinstance(field, models.CharField):
            values[field.attname] = value.replace("{folder}", folder)
        else:
            values[field.attname] = value if isinstance(field, models.JSONField) else field.to_python(value)
    instance = model(**values)
    instance.save_base(raw=True)
    for name, value in many.items():
        getattr(instance, name).set(value)
    # `auto_now_add` sets the present time when a row is inserted.
    times = [f for f in model._meta.concrete_fields if getattr(f, "auto_now_add", False)]
    if times:
        model.objects.filter(pk=row["pk"]).update(**{f.attname: values[f.attname] for f in times})


if __name__ == "__main__":
    main(*sys.argv[1:])
