"""manage.py rotate_keys: encrypt every stored secret with the first data key."""

from __future__ import annotations

import sys

from django.core.management.base import BaseCommand

from reports.exceptions import WrongKey
from reportserver.operations.stored_secrets import stored_secrets


class Command(BaseCommand):
    help = (
        "Encrypt every stored secret with REPORTSERVER_DATA_KEY, so that earlier keys can be removed from "
        "REPORTSERVER_DATA_KEY_FALLBACKS. Exits with 1 and names those that none of the keys can read."
    )

    def handle(self, *args: object, **options: object) -> None:
        rotated, unreadable = 0, []
        secrets = list(stored_secrets())
        for secret in secrets:
            try:
                rotated += secret.rotate()
            except WrongKey:
                unreadable.append(secret)
        self.stdout.write(f"Stored secrets: {len(secrets)}, encrypted again: {rotated}.")
        for secret in unreadable:
            self.stderr.write(self.style.ERROR(f"None of the data keys can read the secret of {secret}."))
        if unreadable:
            sys.exit(1)
