"""manage.py webhook_secret: print the secrets with which receivers check the signatures of a report's webhooks."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from reports.models import ReportConfiguration
from reports.targets.models import DeliveryTarget, WebhookSecret


class Command(BaseCommand):
    help = "Print the URL and the signing secret of each webhook of a report."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--tenant", metavar="SLUG", help="required if several tenants have a report with this slug")

    def handle(self, *args: object, **options: Any) -> None:
        slug = options["slug"]
        reports = ReportConfiguration.objects.filter(slug=slug)
        if options["tenant"]:
            reports = reports.filter(tenant__slug=options["tenant"])
        if not reports:
            raise CommandError(f"Report {slug} does not exist.")
        if len(reports) > 1:
            raise CommandError(f"Several tenants have a report {slug}. Choose one with --tenant.")
        [report] = reports
        for target in report.version.delivery_targets.filter(kind=DeliveryTarget.Kind.WEBHOOK):
            url = target.options["url"]
            self.stdout.write(f"{url} {WebhookSecret.secret_for(report, url)}")
