"""manage.py verify_audit: was the audit log tampered with?"""

from __future__ import annotations

import sys

from django.core.management.base import BaseCommand

from audit import actions
from audit.models import AuditLog


class Command(BaseCommand):
    help = "Check the audit log's chain. Exits 1 and names the first broken entry if the log was tampered with."

    def handle(self, *args: object, **options: object) -> None:
        if found := actions.verify():
            self.stderr.write(self.style.ERROR(f"Broken at entry #{found.sequence}: {found.reason}."))
            sys.exit(1)
        last = AuditLog.objects.order_by("sequence").last()
        self.stdout.write(f"Verified up to #{last.sequence if last else 0}.")
