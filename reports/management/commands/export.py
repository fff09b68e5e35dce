"""manage.py export: write a definitions file that `apply` reads back without a change."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from accounts.models import Tenant
from reports.definitions import editor_schema
from reports.definitions.export import export_definitions
from reports.management.output_file import writing


class Command(BaseCommand):
    help = "Write a definitions file. It names environment variables in place of passwords and connection URLs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", metavar="SLUG", help="export only this tenant")
        parser.add_argument("-o", "--output", metavar="FILE", help="write to this file, not to standard output")
        parser.add_argument(
            "--schema", action="store_true", help="write the JSON Schema of definitions files, for editors"
        )

    def handle(self, *args: object, **options: Any) -> None:
        if options["schema"]:
            text = json.dumps(editor_schema(), indent=2, ensure_ascii=False) + "\n"
        else:
            text = self._definitions(options["tenant"])
        if options["output"]:
            path = Path(options["output"])
            with writing(path):
                path.write_text(text, encoding="utf-8")
        else:
            self.stdout.write(text, ending="")

    def _definitions(self, slug: str | None) -> str:
        tenants = Tenant.objects.order_by("slug")
        if slug:
            tenants = tenants.filter(slug=slug)
            if not tenants:
                self.stderr.write(self.style.ERROR(f"Tenant {slug} does not exist."))
                sys.exit(1)
        text, warnings = export_definitions(tenants)
        # On standard error: standard output may be redirected to a file that `apply` reads.
        for warning in warnings:
            self.stderr.write(self.style.WARNING(f"Warning: {warning}"))
        return text
