"""manage.py check_reports: ask the data sources whether they accept the reports' queries."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from audit.actions import operator_actor
from reports.dry_run.check import CheckResult, check
from reports.dry_run.results import Fits
from reports.dry_run.run_time_estimate import with_run_times
from reports.dry_run.target import DryRunTarget
from reports.exceptions import CallerAttributeMissing, RunError
from reports.management.identity import add_identity, find_identity
from reports.models import ReportConfiguration

#: What an estimate is based on. For one based on the report's own runs, these are printed instead.
_ORIGINS = {"source": "other runs on this data source", "format": "other runs in this format"}


class Command(BaseCommand):
    help = "Ask the data sources whether they accept the reports' queries, without running them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slugs", nargs="*", metavar="SLUG", help="reports (default: all)")
        parser.add_argument("--tenant", metavar="SLUG", help="only reports of this tenant")
        add_identity(parser)

    def handle(self, *args: object, **options: Any) -> None:
        complete = ReportConfiguration.objects.filter(current__isnull=False)
        if options["slugs"]:
            complete = complete.filter(slug__in=options["slugs"])
        if options["tenant"]:
            complete = complete.filter(tenant__slug=options["tenant"])
        reports = list(complete.select_related("tenant", "current__data_source").order_by("tenant__slug", "slug"))
        identity = find_identity(options["as_user"])
        failed, now = 0, timezone.now()
        for report in reports:
            try:
                target = DryRunTarget.of_version(report.version, report.moment(now), identity or operator_actor())
                result = check(target, {}, actor=operator_actor())
                result = with_run_times(result, report)
            except CallerAttributeMissing as error:
                self.stdout.write(
                    self.style.WARNING(f"{report.tenant.slug}/{report.slug}: not checked. {error.message}")
                )
                continue
            except RunError as error:
                result = CheckResult(errors=[error.message])
            failed += bool(result.errors)
            self._print(report, result)
        unknown = sorted(set(options["slugs"]) - {report.slug for report in reports})
        for slug in unknown:
            self.stderr.write(self.style.ERROR(f"Report {slug} does not exist."))
        errors = f"{failed} with errors" if failed else "no errors"
        self.stdout.write(f"{_plural(len(reports), 'report')} checked, {errors}.")
        if failed or unknown:
            sys.exit(1)

    def _print(self, report: ReportConfiguration, result: CheckResult) -> None:
        name = f"{report.tenant.slug}/{report.slug}"
        for sentence in result.errors:
            self.stdout.write(self.style.ERROR(f"{name}: {sentence}"))
        if result.driver_message:
            self.stdout.write(f"    {result.driver_message.strip()}")
        if not result.errors:
            rows = "" if result.estimated_rows is None else f", about {_plural(result.estimated_rows, 'row')}"
            parts = (len(result.sections), "section") if result.sections else (len(result.columns), "column")
            self.stdout.write(f"{name}: {_plural(*parts)}{rows}.")
        if history := result.run_history:
            usual = f"Usually takes {history.seconds:.1f} s (95% within {history.most_seconds:.1f} s)"
            self.stdout.write(f"    {usual}, about {_plural(history.rows, 'row')}.")
        for fit in result.formats:
            if origin := _ORIGINS.get(fit.seconds_from or ""):
                self.stdout.write(f"    {fit.format}: about {fit.seconds:.1f} s, by {origin}.")
            if fit.fits is Fits.NO:
                self.stdout.write(self.style.WARNING(f"    {fit.message}"))


def _plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
