"""manage.py purge_results: delete results before or after the end of their retention period."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.actions import operator_actor
from jobs.exceptions import StorageUnavailable, WrongStore
from jobs.results import retention

#: A century. A larger number could lead to a date before the year 1.
_MAX_DAYS = 36_500


class Command(BaseCommand):
    help = "Delete results whose retention period has ended. The server does the same every hour. Jobs stay listed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--older-than", type=int, metavar="DAYS", help="delete results of jobs that ended more than DAYS days ago"
        )
        parser.add_argument("--dry-run", action="store_true", help="only list what would be deleted")

    def handle(self, *args: object, **options: Any) -> None:
        days = options["older_than"]
        if days is not None and not 0 <= days <= _MAX_DAYS:
            raise CommandError(f"--older-than must be from 0 to {_MAX_DAYS:,} days, not {days}.")
        if options["dry_run"]:
            artifacts = list(retention.expired(days))
            for artifact in artifacts:
                self.stdout.write(f"{artifact.job_id}  {artifact.total_size:,} bytes")
            self.stdout.write(f"{len(artifacts)} result(s) would be deleted.")
        else:
            self.stdout.write(f"{_purge(days)} result(s) deleted.")


def _purge(days: int | None) -> int:
    try:
        return sum(retention.purge_expired(days, actor=operator_actor()))
    except WrongStore as error:
        raise CommandError(error.message) from error
    except StorageUnavailable as error:
        raise CommandError(f"{error.reason} {error.remedy}") from error
    except OSError as error:
        raise CommandError(f"The folder of results can't be read: {error.strerror}.") from error
