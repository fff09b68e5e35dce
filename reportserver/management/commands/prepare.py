"""manage.py prepare: everything that must be there before the first start, and after an update."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from reportserver import demo


class Command(BaseCommand):
    help = "Bring database, static files and the demo up to date. May be repeated at any time."

    def handle(self, *args: object, **options: object) -> None:
        for folder in (settings.DATA_DIR, settings.ARTIFACTS_DIR):
            Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        call_command("migrate", interactive=False, verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        if settings.DEMO and demo.install():
            self.stdout.write("Loaded the demo.")
