"""manage.py verify_audit: was the audit log tampered with?"""

from __future__ import annotations

import sys

from django.core.management.base import BaseCommand

from audit.models import AuditLog
from audit.verification import verify_log


class Command(BaseCommand):
    help = "Verify the audit log. Exits with 1 and names the first broken entry if it was tampered with."

    def handle(self, *args: object, **options: object) -> None:
        if failure := verify_log():
            self.stderr.write(self.style.ERROR(f"Broken at entry #{failure.sequence}: {failure.reason}."))
            sys.exit(1)
        last = AuditLog.objects.order_by("sequence").last()
        self.stdout.write(f"Verified up to #{last.sequence if last else 0}.")
