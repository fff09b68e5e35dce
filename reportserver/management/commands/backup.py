"""manage.py backup: everything that is needed to restore this installation, in one folder."""

from __future__ import annotations

import sys
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.archive.port import ArchiveUnavailable
from jobs.exceptions import StorageUnavailable, WrongStore
from reportserver.backup.manifest import BadBackup
from reportserver.backup.writing import is_usable_folder, write_backup
from reportserver.operations import schema


class Command(BaseCommand):
    help = (
        "Write a backup into an empty folder: database, keys, results, archives and uploads, with a manifest that has "
        "the SHA-256 of each file. The server may run meanwhile. The folder contains all secrets: keep it safe."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", metavar="DIR", type=Path, help="an empty or new folder")

    def handle(self, *args: object, folder: Path, **options: object) -> None:
        if not is_usable_folder(folder):
            raise CommandError(f"{folder} is not an empty folder. Choose a new one.")
        if sentence := schema.not_prepared():
            raise CommandError(f"The database is not prepared. {sentence} {schema.REMEDY}")
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            missing = list(write_backup(folder))
        except (WrongStore, StorageUnavailable) as error:
            raise CommandError(error.message) from None
        except ArchiveUnavailable as error:
            raise CommandError(f"The archives can't be read: {error}") from None
        except BadBackup as error:
            raise CommandError(f"The backup is not usable: {error}") from None
        except OSError as error:
            raise CommandError(f"{error.filename or folder}: {error.strerror}.") from error
        for missing_file in missing:
            self.stderr.write(self.style.ERROR(missing_file))
        self.stdout.write(f"The backup is in {folder}, and was verified.")
        if settings.ARTIFACTS_URL:
            self.stdout.write(f"Results and archives are not part of it: they stay in {settings.ARTIFACTS_URL}.")
        if missing:
            sys.exit(1)
