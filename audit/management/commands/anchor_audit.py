"""manage.py anchor_audit: accept the audit log as it is."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.actions import operator_actor
from audit.heads.acceptance import accept_log


class Command(BaseCommand):
    help = (
        "After a backup was restored: accept the audit log as it is, and keep its end outside the database from now "
        "on. An entry in the log gives the reason and what is missing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reason", required=True, help="why entries are missing; everybody can read it in the log")

    def handle(self, *args: object, reason: str, **options: object) -> None:
        try:
            found = accept_log(reason=reason, actor=operator_actor())
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}.") from error
        for sentence in found:
            self.stdout.write(sentence)
        self.stdout.write("Accepted." if found else "The files outside the database agree with it. Nothing to do.")
