"""manage.py create_key: create an API key of a user, for example of a service account."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.api_keys import MAX_DAYS, KeyRight
from accounts.models import User
from audit.actions import operator_actor
from common.exceptions import DomainError
from jobs.sql import now
from reports.exceptions import InvalidParameters
from reportserver.identity.api_keys import DEFAULT_RIGHTS, KeyRequest, create_key


class Command(BaseCommand):
    help = "Create an API key and print it. It is shown only now: the server keeps a digest of it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="the user that calls with it are made as, for example a service account")
        parser.add_argument(
            "--expires",
            type=_duration,
            required=True,
            metavar="90d",
            help=f"when it expires: days (90d) or hours (12h) from now, at most {MAX_DAYS}d",
        )
        parser.add_argument("--name", default="", help="what the audit log calls it (default: the user's name)")
        parser.add_argument(
            "--report",
            action="append",
            metavar="SLUG",
            help="a report that it can be used for; repeat it for more (default: all of them)",
        )
        parser.add_argument(
            "--right",
            action="append",
            choices=[str(right) for right in KeyRight],
            help="what it can be used for; repeat it for more (default: view and generate)",
        )

    def handle(self, *args: object, **options: Any) -> None:
        user = User.objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(f"User {options['user']} does not exist.")
        request = KeyRequest(
            user=user,
            name=options["name"] or user.username[:100],
            expires_at=now() + options["expires"],
            rights=options["right"] or DEFAULT_RIGHTS,
            reports=options["report"],
        )
        if len(request.name) > 100:
            raise CommandError("--name: Must be at most 100 characters long.")
        try:
            _, text = create_key(request, actor=operator_actor())
        except InvalidParameters as error:
            raise CommandError("\n".join(sentence for found in error.fields.values() for sentence in found)) from error
        except DomainError as error:
            raise CommandError(error.message) from error
        # Nothing else on standard output, so that a script can store it.
        self.stdout.write(text)


def _duration(text: str) -> timedelta:
    match = re.fullmatch(r"([0-9]{1,4})([dh])", text, re.ASCII)
    if match is None:
        raise ArgumentTypeError(f"must be days or hours such as 90d or 12h, not {text}")
    number = int(match[1])
    return timedelta(days=number) if match[2] == "d" else timedelta(hours=number)
