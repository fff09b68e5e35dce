"""manage.py revoke_key: let an API key be refused from now on."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import ApiKey
from audit.actions import operator_actor
from common.exceptions import DomainError
from reportserver.identity.api_keys import revoke_key


class Command(BaseCommand):
    help = "Revoke an API key. It is refused from the next call on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", help="the key's id, which list_keys shows and which follows rsk_ in the key")

    def handle(self, *args: object, **options: Any) -> None:
        key = ApiKey.objects.select_related("user").filter(pk=options["id"]).first()
        if key is None:
            raise CommandError(f"Key {options['id']} does not exist.")
        try:
            revoke_key(key, actor=operator_actor())
        except DomainError as error:
            raise CommandError("It was revoked already.") from error
        self.stdout.write(f"Revoked the key “{key.name}” of {key.user.username}.")
