"""manage.py prepare: everything that must be done before the first start and after an update."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.verification import begin_heads
from jobs import deployment
from jobs.exceptions import StorageUnavailable, WrongStore
from jobs.results import store
from reportserver import demo
from reportserver.operations import file_systems, object_store, schema


class Command(BaseCommand):
    help = "Bring the databases, the static files and the demo up to date. Can be repeated at any time."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--adopt-store",
            action="store_true",
            help="mark the folder of results as the right one, after it was moved or restored without its marker",
        )

    def handle(self, *args: object, **options: Any) -> None:
        file_systems.require_local()
        call_command("migrate", interactive=False, verbosity=0)
        begin_heads()
        deployment.record()
        collect_static()
        try:
            store.mark(adopt=options["adopt_store"])
        except WrongStore as error:
            raise CommandError(f"{error.message} {schema.STORE_REMEDY}") from error
        except StorageUnavailable as error:
            raise CommandError(object_store.sentence(error)) from None
        if settings.DEMO and demo.install():
            self.stdout.write("Loaded the demo.")


def collect_static() -> None:
    """Collect the static files if they have changed. Otherwise skip it: hashing and compressing them takes seconds."""
    files = (Path(storage.path(name)) for finder in get_finders() for name, storage in finder.list([]))
    versions = sorted((str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files)
    digest = hashlib.sha256(repr(versions).encode()).hexdigest()
    stamp = Path(settings.STATIC_ROOT) / ".collected"
    if not stamp.exists() or stamp.read_text() != digest:
        call_command("collectstatic", interactive=False, verbosity=0)
        stamp.write_text(digest)
