"""manage.py doctor: what is wrong with this installation?"""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from reportserver.operations.doctor import Verdict, examine


class Command(BaseCommand):
    help = "Find what is wrong with this installation and how to fix it. Exits with 1 if there are errors."
    # Django's system checks would stop the command before it can report anything.
    requires_system_checks: Any = []

    def handle(self, *args: object, **options: object) -> None:
        styles = {
            Verdict.OK: self.style.SUCCESS,
            Verdict.WARNING: self.style.WARNING,
            Verdict.ERROR: self.style.ERROR,
        }
        findings = list(examine())
        for finding in findings:
            verdict = styles[finding.verdict](f"{finding.verdict:8}")
            self.stdout.write(f"{verdict} {finding.subject}: {finding.sentence} {finding.remedy}".rstrip())
        if any(finding.verdict == Verdict.ERROR for finding in findings):
            sys.exit(1)
