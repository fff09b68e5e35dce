"""manage.py jobserver: the workers of one host."""

from __future__ import annotations

import sys

from django.core.management.base import BaseCommand
from django.db import connection

from jobs.execution.supervisor import Supervisor


class Command(BaseCommand):
    help = "Run the workers of this host, supervised. Start it on as many hosts as needed; SIGTERM stops it gracefully."

    def handle(self, *args: object, **options: object) -> None:
        # What can't begin says so; what loses its database later waits for it.
        connection.ensure_connection()
        sys.exit(Supervisor().run())
