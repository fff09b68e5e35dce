"""manage.py jobserver: the workers of one host."""

from __future__ import annotations

import sys

from django.core.management.base import BaseCommand
from django.db import connection

from jobs.execution.supervisor import Supervisor


class Command(BaseCommand):
    help = (
        "Run this host's workers under a supervisor. Start it on as many hosts as needed; SIGTERM drains and stops it."
    )

    def handle(self, *args: object, **options: object) -> None:
        # Fail now if the database can't be reached. Once started, the supervisor waits for a database that goes away.
        connection.ensure_connection()
        sys.exit(Supervisor().run())
