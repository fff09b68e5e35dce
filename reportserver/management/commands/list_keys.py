"""manage.py list_keys: the API keys that exist, with their last use."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from accounts.models import ApiKey
from reportserver.identity.api.serializers import KeySerializer
from reportserver.identity.api_keys import load_report_slugs

_HEADINGS = ("ID", "USER", "NAME", "RIGHTS", "EXPIRES (UTC)", "LAST USED (UTC)", "REPORTS")
_COLUMNS = "{:16}  {:20}  {:24}  {:26}  {:16}  {:16}  {}"


class Command(BaseCommand):
    help = "List the API keys that were not revoked."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", nargs="?", help="only keys of this user")
        parser.add_argument("--json", action="store_true", help="print JSON, for scripts")

    def handle(self, *args: object, **options: Any) -> None:
        keys: Any = (
            ApiKey.objects.filter(revoked_at=None).select_related("user").order_by("user__username", "created_at")
        )
        if options["user"]:
            keys = keys.filter(user__username=options["user"])
        load_report_slugs(keys)
        if options["json"]:
            listed = KeySerializer(keys, many=True).data
            self.stdout.write(json.dumps(listed, indent=2, cls=DjangoJSONEncoder))
            return
        self.stdout.write(_COLUMNS.format(*_HEADINGS))
        for key in keys:
            expires, used = f"{key.expires_at:%Y-%m-%d %H:%M}", key.last_used_at
            reports = "all" if key.report_slugs is None else ", ".join(key.report_slugs)
            last_use = f"{used:%Y-%m-%d %H:%M}" if used else "never"
            rights = ", ".join(key.rights)
            self.stdout.write(_COLUMNS.format(key.pk, key.user.username, key.name, rights, expires, last_use, reports))
