"""manage.py webhook_secret: what the receiver of a report's webhooks checks their signatures with."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from reports.models import DeliveryTarget, ReportConfiguration, WebhookSecret


class Command(BaseCommand):
    help = "Print the address and the signing secret of each webhook of a report."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--tenant", metavar="SLUG", help="needed when several tenants have a report of this name")

    def handle(self, *args: object, **options: Any) -> None:
        reports = ReportConfiguration.objects.filter(slug=options["slug"])
        if options["tenant"]:
            reports = reports.filter(tenant__slug=options["tenant"])
        if len(reports) != 1:
            raise CommandError("There is no such report." if not reports else "Name one tenant with --tenant.")
        for target in reports[0].version.delivery_targets.filter(kind=DeliveryTarget.Kind.WEBHOOK):
            self.stdout.write(f"{target.options['url']} {WebhookSecret.secret_for(reports[0], target.options['url'])}")
