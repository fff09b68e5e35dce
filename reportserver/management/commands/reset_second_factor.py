"""manage.py reset_second_factor: for somebody who lost the authenticator app and the recovery codes."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from audit.actions import operator_actor
from reportserver.auth.second_factor import reset


class Command(BaseCommand):
    help = "Remove the second factor of a user. The next sign-in takes the password alone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="the user's name")

    def handle(self, *args: object, **options: Any) -> None:
        user = User.objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(f"User {options['user']} does not exist.")
        if not reset(user, actor=operator_actor()):
            raise CommandError(f"User {user.username} has no second factor.")
        self.stdout.write(f"Removed the second factor of {user.username}.")
