"""manage.py prepare: everything that must be done before the first start and after an update."""

from __future__ import annotations

import hashlib
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand

from audit.verification import begin_heads
from reportserver import demo


class Command(BaseCommand):
    help = "Bring the databases, the static files and the demo up to date. Can be repeated at any time."

    def handle(self, *args: object, **options: object) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        if settings.COUNTERS_DATABASE != "default":
            call_command("migrate", "common", database=settings.COUNTERS_DATABASE, interactive=False, verbosity=0)
        begin_heads()
        collect_static()
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
