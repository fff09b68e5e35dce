"""manage.py doctor: what is wrong with this installation?"""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from reportserver.operations.doctor import Finding, Verdict, examine


class Command(BaseCommand):
    help = "Find what is wrong with this installation and say how to mend it. Exits 1 if something is."
    # Checks of Django stop a command before it can say what is wrong.
    requires_system_checks: Any = []

    def handle(self, *args: object, **options: object) -> None:
        findings = list(examine())
        for finding in findings:
            self._show(finding)
        if any(finding.verdict == Verdict.FAULT for finding in findings):
            sys.exit(1)

    def _show(self, finding: Finding) -> None:
        style = {Verdict.OK: self.style.SUCCESS, Verdict.WARNING: self.style.WARNING, Verdict.FAULT: self.style.ERROR}
        mark = style[finding.verdict](f"{finding.verdict:8}")
        self.stdout.write(f"{mark} {finding.subject}: {finding.sentence} {finding.remedy}".rstrip())
