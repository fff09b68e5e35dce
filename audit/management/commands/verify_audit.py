"""manage.py verify_audit: was the audit log tampered with?"""

from __future__ import annotations

import sys

from django.core.management.base import BaseCommand, CommandError

from audit.archive.port import ArchiveUnavailable
from audit.verification import read_head, verify_log


class Command(BaseCommand):
    help = "Verify the audit log. Exits with 1 and names the first broken entry if it was tampered with."

    def handle(self, *args: object, **options: object) -> None:
        try:
            failure = verify_log()
        except ArchiveUnavailable as error:
            raise CommandError(f"The archives of the log can't be read: {error}") from error
        if failure:
            self.stderr.write(self.style.ERROR(f"Broken at entry #{failure.sequence}: {failure.reason}."))
            sys.exit(1)
        self.stdout.write(f"Verified up to #{read_head().sequence}.")
