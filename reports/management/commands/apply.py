"""manage.py apply: make the database match definitions files."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from audit.actions import operator_actor
from reports import actions
from reports.definitions import files
from reports.definitions.accounts_and_sources import weak_passwords
from reports.exceptions import InvalidDefinition


class Command(BaseCommand):
    help = "Make the database match definitions files. An error in any of them changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE")
        parser.add_argument("--dry-run", action="store_true", help="print the differences and change nothing")
        parser.add_argument("--prune", action="store_true", help="delete what the files don't list in their tenants")

    def handle(self, *args: object, **options: Any) -> None:
        try:
            loaded = files.load(options["files"])
        except InvalidDefinition as error:
            self._refuse(files.sentences(error))
        try:
            differences = actions.apply(
                definitions=loaded.definitions,
                actor=operator_actor(),
                prune=options["prune"],
                dry_run=options["dry_run"],
            )
        except InvalidDefinition as error:
            self._refuse(loaded.located(error))
        for warning in files.missing_paths(loaded.definitions) + weak_passwords(loaded.definitions, os.environ):
            self.stderr.write(self.style.WARNING(f"Warning: {warning}"))
        self.stdout.write("\n".join(differences) or "Nothing to change.")

    def _refuse(self, sentences: list[str]) -> Any:
        self.stderr.write(self.style.ERROR("\n".join(sentences)))
        sys.exit(1)
