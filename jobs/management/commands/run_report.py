"""manage.py run_report: one report, here and now."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils.text import slugify
from tqdm import tqdm

from audit import actions as audit
from audit.models import Action
from common.exceptions import DomainError
from reports import engine
from reports.exceptions import InvalidParameters
from reports.management.files import check_writable, writing
from reports.models import ReportConfiguration
from reports.parameters.values import to_json, typed_values
from reports.rendering import RENDERERS
from reports.run_spec import run_spec


class Command(BaseCommand):
    help = "Run one report here and now, without the queue, and write its file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--tenant", metavar="SLUG", help="needed when several tenants have a report of this name")
        parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help="may be repeated")
        parser.add_argument("--format", choices=sorted(RENDERERS))
        parser.add_argument(
            "-o", "--output", metavar="FILE", help="default: the report's name here; - is standard output"
        )

    def handle(self, *args: object, **options: Any) -> None:
        report = _find(options["slug"], options["tenant"])
        format = options["format"] or report.version.formats[0]
        output = options["output"] or f"{slugify(report.slug)}.{RENDERERS[format].extension}"
        if output != "-":
            check_writable(Path(output))
        try:
            parameters = to_json(
                typed_values(report.version.declared_parameters(), _parameters(options["param"]), from_text=True)
            )
            path = self._run(report, parameters, format, output)
        except InvalidParameters as error:
            sentences = [f"{name}: {sentence}" for name, many in error.fields.items() for sentence in many]
            raise CommandError("\n".join(sentences)) from error
        except DomainError as error:
            raise CommandError(f"{error.message} {error.details.get('driver', '')}".strip()) from error
        self.stderr.write(f"Wrote {path}.")

    def _run(self, report: ReportConfiguration, parameters: dict[str, object], format: str, output: str) -> str:
        with tempfile.TemporaryDirectory() as folder, tqdm(unit=" rows", unit_scale=True, file=sys.stderr) as bar:
            draft = Path(folder) / "result"
            spec = run_spec(report.version, parameters, format, Path(folder))
            result = engine.run(spec, draft, _moving(bar))
            bar.update(result.rows - bar.n)
            with transaction.atomic():
                audit.record(
                    Action.REPORT_RUN,
                    actor=audit.operator_actor(),
                    tenant_id=report.tenant_id,
                    target=("report", report.pk),
                    details={"format": format, "rows": result.rows, "version": report.version.number},
                )
            return _deliver(draft, output)


def _moving(bar: tqdm[Any]) -> engine.Progress:
    def move(rows: int, size: int, total: int | None) -> None:
        bar.total = total
        bar.update(rows - bar.n)

    return move


def _find(slug: str, tenant: str | None) -> ReportConfiguration:
    reports = ReportConfiguration.objects.filter(slug=slug).select_related("current__data_source")
    found = list(reports.filter(tenant__slug=tenant) if tenant else reports)
    if not found:
        raise CommandError(f"There is no report {slug!r}.")
    if len(found) > 1:
        raise CommandError(f"Several tenants have a report {slug!r}; name one with --tenant.")
    return found[0]


def _parameters(given: list[str]) -> dict[str, object]:
    """NAME=VALUE pairs; a name that comes again is a list."""
    values: dict[str, list[str]] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals:
            raise CommandError(f"--param {pair!r} must be NAME=VALUE.")
        values.setdefault(name, []).append(value)
    return {name: many[0] if len(many) == 1 else many for name, many in values.items()}


def _deliver(draft: Path, output: str) -> str:
    if output == "-":
        with draft.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        return "standard output"
    with writing(Path(output)):
        shutil.move(draft, output)
    return output
