"""manage.py check_reports: ask the data sources whether they take the reports' queries."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand

from reports.dry_run.check import CheckResult, Fits, check
from reports.dry_run.run_time_estimate import with_run_times
from reports.dry_run.target import DryRunTarget
from reports.exceptions import RunError
from reports.models import ReportConfiguration

#: Where a report has runs of its own, those are told instead.
_ORIGINS = {"source": "as fast as other runs from this data source", "format": "as fast as other runs in this format"}


class Command(BaseCommand):
    help = "Ask the data sources whether they take the reports' queries, without running them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slugs", nargs="*", metavar="SLUG", help="reports (default: all)")
        parser.add_argument("--tenant", metavar="SLUG", help="of one tenant only")

    def handle(self, *args: object, **options: Any) -> None:
        faulty = 0
        reports = list(_chosen(options["slugs"], options["tenant"]))
        for report in reports:
            found = _checked(report)
            faulty += bool(found.errors)
            self._print(report, found)
        if unknown := set(options["slugs"]) - {report.slug for report in reports}:
            self.stderr.write(self.style.ERROR(f"There is no report {', '.join(sorted(unknown))}."))
        self.stdout.write(f"{len(reports)} looked at, {faulty} of them faulty.")
        if faulty or unknown:
            sys.exit(1)

    def _print(self, report: ReportConfiguration, found: CheckResult) -> None:
        name = f"{report.tenant.slug}/{report.slug}"
        for sentence in found.errors:
            self.stdout.write(self.style.ERROR(f"{name}: {sentence}"))
        if found.driver_message:
            self.stdout.write(f"    {found.driver_message.strip()}")
        if not found.errors:
            rows = "" if found.estimated_rows is None else f", about {found.estimated_rows:,} rows"
            self.stdout.write(f"{name}: {len(found.columns)} columns{rows}.")
        if found.run_history:
            past = f"half of the last {found.run_history.runs} runs took at most {found.run_history.seconds:.1f} s"
            self.stdout.write(f"    {past}; the middle one had {found.run_history.rows:,} rows.")
        for fit in found.formats:
            if origin := _ORIGINS.get(fit.seconds_from or ""):
                self.stdout.write(f"    {fit.format}: about {fit.seconds:.1f} s, {origin}.")
            if fit.fits is Fits.NO:
                self.stdout.write(self.style.WARNING(f"    {fit.message}"))


def _chosen(slugs: list[str], tenant: str | None) -> Iterator[ReportConfiguration]:
    reports = ReportConfiguration.objects.filter(current__isnull=False).select_related("tenant", "current__data_source")
    if slugs:
        reports = reports.filter(slug__in=slugs)
    if tenant:
        reports = reports.filter(tenant__slug=tenant)
    yield from reports.order_by("tenant__slug", "slug")


def _checked(report: ReportConfiguration) -> CheckResult:
    try:
        return with_run_times(check(DryRunTarget.of_version(report.version), {}), report)
    except RunError as error:
        return CheckResult(errors=[error.message])
