"""manage.py prepare: everything that must be there before the first start, and after an update."""

from __future__ import annotations

import hashlib
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand

from reportserver import demo


def collect_static() -> None:
    """Collect the static files, unless those there are of exactly these: hashing and compressing takes seconds."""
    files = (Path(storage.path(name)) for finder in get_finders() for name, storage in finder.list([]))
    seen = sorted((str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files)
    digest = hashlib.sha256(repr(seen).encode()).hexdigest()
    stamp = Path(settings.STATIC_ROOT) / ".collected"
    if not stamp.exists() or stamp.read_text() != digest:
        call_command("collectstatic", interactive=False, verbosity=0)
        stamp.write_text(digest)


class Command(BaseCommand):
    help = "Bring database, static files and the demo up to date. May be repeated at any time."

    def handle(self, *args: object, **options: object) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        collect_static()
        if settings.DEMO and demo.install():
            self.stdout.write("Loaded the demo.")
