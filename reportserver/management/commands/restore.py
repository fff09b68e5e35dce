"""manage.py restore: fill an empty installation from a backup."""

from __future__ import annotations

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error

from reportserver.backup.manifest import BadBackup
from reportserver.backup.restoring import RestoreRefused, restore_backup


class Command(BaseCommand):
    help = (
        "Restore a backup into an empty database and an empty data folder, and verify both. Schedules and deliveries "
        "stay suspended until manage.py adopt."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", metavar="DIR", type=Path, help="a folder that manage.py backup has written")

    def handle(self, *args: object, folder: Path, **options: object) -> None:
        try:
            for sentence in restore_backup(folder):
                self.stdout.write(sentence)
        except (BadBackup, RestoreRefused) as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            # Of several files that can't be copied, it only has sentences.
            raise CommandError(f"{error.filename}: {error.strerror}." if error.strerror else str(error)) from error
        except Error as error:
            raise CommandError(f"The database refuses the rows: {error}") from error
        self.stdout.write("Run manage.py prepare, then start the server. It sends nothing until manage.py adopt.")
