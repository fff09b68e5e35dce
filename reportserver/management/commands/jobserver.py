"""manage.py jobserver: the workers of one host."""

from __future__ import annotations

import sys

from django.conf import settings
from django.core.management.base import BaseCommand

from jobs.delivery.deliverer import run_deliverer
from jobs.execution.supervisor import Supervisor
from jobs.execution.tidying import run_tidier
from reportserver.operations import object_store, schema
from schedules.scheduler import run_scheduler


class Command(BaseCommand):
    help = (
        "Run this host's workers under a supervisor. Start it on as many hosts as needed; SIGTERM drains and stops it."
    )

    def handle(self, *args: object, **options: object) -> None:
        # Fail now if the database can't be used. Once started, the supervisor waits for a database that goes away.
        schema.require_prepared()
        object_store.require_usable()
        helpers = {"deliverer": run_deliverer, "scheduler": run_scheduler}
        if settings.ARTIFACTS_URL:
            helpers["tidier"] = run_tidier
        if settings.TELEMETRY:
            helpers["telemetry"] = _export_telemetry
        sys.exit(Supervisor(helpers=helpers).run())


def _export_telemetry() -> None:
    # An optional package, which the supervisor itself doesn't need.
    from reportserver.telemetry.exporting import export_until_stopped

    export_until_stopped()
