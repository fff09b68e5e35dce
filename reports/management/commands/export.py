"""manage.py export: write a definitions file that `apply` takes back without a change."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from accounts.models import Tenant
from reports.definitions_export import exported


class Command(BaseCommand):
    help = (
        "Write the definitions. Passwords and connection URLs are not in them: variables that may hold them are named."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", metavar="SLUG", help="only this tenant")
        parser.add_argument("-o", "--output", metavar="FILE", help="instead of the standard output")

    def handle(self, *args: object, **options: Any) -> None:
        tenants = Tenant.objects.order_by("slug")
        if options["tenant"]:
            tenants = tenants.filter(slug=options["tenant"])
            if not tenants:
                self.stderr.write(self.style.ERROR(f"There is no tenant {options['tenant']}."))
                sys.exit(1)
        text, warnings = exported(tenants)
        for warning in warnings:
            self.stderr.write(self.style.WARNING(f"Warning: {warning}"))
        if options["output"]:
            Path(options["output"]).write_text(text, encoding="utf-8")
        else:
            self.stdout.write(text, ending="")
