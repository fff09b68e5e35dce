"""manage.py purge_results: retention, by hand."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.actions import operator_actor
from jobs.results import retention

#: A century: before it there is no result, and soon no date.
_MOST_DAYS = 36_500


class Command(BaseCommand):
    help = "Delete results whose retention has ended, as the server does by itself every hour. Jobs stay listed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--older-than", type=int, metavar="DAYS", help="delete those of jobs older than that")
        parser.add_argument("--dry-run", action="store_true", help="only list what would be deleted")

    def handle(self, *args: object, **options: Any) -> None:
        days = options["older_than"]
        if days is not None and not 0 <= days <= _MOST_DAYS:
            raise CommandError(f"--older-than must be from 0 to {_MOST_DAYS:,} days, not {days}.")
        if options["dry_run"]:
            found = list(retention.expired(days))
            for artifact in found:
                self.stdout.write(f"{artifact.job_id}  {artifact.size:,} bytes")
            self.stdout.write(f"{len(found)} result(s) would be deleted.")
        else:
            self.stdout.write(f"{retention.purge_expired(days, actor=operator_actor())} result(s) deleted.")
