"""manage.py run_report: run one report in the terminal."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify
from tqdm import tqdm

from accounts.localization import NO_SUCH_LOCALE, is_locale
from audit import actions as audit
from audit.models import Action
from common.exceptions import DomainError
from jobs.results.wanted_files import section_error
from reports import engine
from reports.choices.checking import check_choices
from reports.exceptions import InvalidParameters
from reports.management.identity import add_identity, find_identity
from reports.management.output_file import check_writable, writing
from reports.models import ReportConfiguration
from reports.parameters.caller import StoredCaller, caller_values, to_stored
from reports.parameters.values import Labels, to_json, typed_values
from reports.rendering import RENDERERS
from reports.run_spec import build_run_spec

_STDOUT = "-"


class _Values(NamedTuple):
    """What the report runs with, as a job would keep it."""

    parameters: dict[str, object]
    labels: Labels
    caller: StoredCaller
    locale: str
    section: str | None


class Command(BaseCommand):
    help = "Run one report now, without the queue, and write its result to a file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the report's slug")
        parser.add_argument("--tenant", metavar="SLUG", help="needed if several tenants have a report with this slug")
        parser.add_argument(
            "--param",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="a parameter; repeat the option for other parameters or for several values",
        )
        parser.add_argument("--format", choices=sorted(RENDERERS), help="default: the report's first format")
        parser.add_argument(
            "--section", metavar="NAME", help="what a csv, ndjson or parquet file has (default: the first)"
        )
        parser.add_argument("--locale", default="", help="how the file writes numbers and dates, such as de-DE")
        parser.add_argument(
            "-o",
            "--output",
            metavar="FILE",
            help="default: the report's slug, in the current folder; - writes to standard output",
        )

        add_identity(parser)

    def handle(self, *args: object, **options: Any) -> None:
        report = _find(options["slug"], options["tenant"])
        format = options["format"] or report.version.formats[0]
        output = options["output"] or f"{slugify(report.slug)}.{RENDERERS[format].extension}"
        if output != _STDOUT:
            # Before the report runs, which may take long.
            check_writable(Path(output))
        texts = _parse_parameters(options["param"])
        if options["locale"] and not is_locale(options["locale"]):
            raise CommandError(f"--locale: {NO_SUCH_LOCALE}")
        if sentence := section_error(report.version, [format], options["section"]):
            raise CommandError(f"--section: {sentence}")
        try:
            version, moment = report.version, report.moment(timezone.now())
            declared = version.declared_parameters()
            values = typed_values(declared, texts, moment, rules=version.rules, from_text=True)
            identity = find_identity(options["as_user"]) or audit.operator_actor()
            caller = to_stored(caller_values(identity, version.caller_names))
            labels = check_choices(version, values, actor=identity)
            self._run(
                report, _Values(to_json(values), labels, caller, options["locale"], options["section"]), format, output
            )
        except InvalidParameters as error:
            messages = [f"{name}: {message}" for name, errors in error.fields.items() for message in errors]
            raise CommandError("\n".join(messages)) from error
        except DomainError as error:
            raise CommandError(f"{error.message} {error.details.get('driver', '')}".strip()) from error
        self.stderr.write(f"Wrote {'standard output' if output == _STDOUT else output}.")

    def _run(self, report: ReportConfiguration, values: _Values, format: str, output: str) -> None:
        with tempfile.TemporaryDirectory() as folder, tqdm(unit=" rows", unit_scale=True, file=sys.stderr) as bar:

            def show_progress(rows: int, size: int, total: int | None) -> None:
                bar.total = total
                bar.update(rows - bar.n)

            draft = Path(folder) / "result"
            spec = build_run_spec(
                report.version,
                values.parameters,
                [format],
                Path(folder),
                labels=values.labels,
                caller=values.caller,
                locale=values.locale,
                section=values.section,
            )
            result = engine.run(spec, draft, show_progress)
            bar.update(result.rows - bar.n)
            with transaction.atomic():
                audit.record(
                    Action.REPORT_RUN,
                    actor=audit.operator_actor(),
                    tenant_id=report.tenant_id,
                    target=("report", report.pk),
                    details={"format": format, "rows": result.rows, "version": report.version.number},
                )
            if output == _STDOUT:
                with draft.open("rb") as file:
                    shutil.copyfileobj(file, sys.stdout.buffer)
            else:
                with writing(Path(output)):
                    shutil.move(draft, output)


def _find(slug: str, tenant: str | None) -> ReportConfiguration:
    reports = ReportConfiguration.objects.filter(slug=slug).select_related("current__data_source")
    matches = list(reports.filter(tenant__slug=tenant) if tenant else reports)
    if not matches:
        raise CommandError(f"Report {slug!r} does not exist.")
    if len(matches) > 1:
        raise CommandError(f"Several tenants have a report {slug!r}. Choose one with --tenant.")
    return matches[0]


def _parse_parameters(pairs: list[str]) -> dict[str, object]:
    """Parse NAME=VALUE pairs. A name that is repeated gets a list of its values."""
    values: dict[str, list[str]] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise CommandError(f"--param {pair!r} must be NAME=VALUE.")
        values.setdefault(name, []).append(value)
    return {name: texts[0] if len(texts) == 1 else texts for name, texts in values.items()}
