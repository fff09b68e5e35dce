"""Templates are compiled with their report's first rows before a definition is stored.

Never within a transaction: the data source is asked, which may take seconds in which nobody else could write.
"""

from __future__ import annotations

from collections.abc import Mapping

from accounts.models import Tenant
from reports.crypto import WrongKey
from reports.definitions import Definitions, ReportDefinition
from reports.definitions.errors import FieldErrors, invalid_definition, join_path
from reports.definitions.from_database import definition_of, prefetch_definitions
from reports.dry_run import document_preview
from reports.models import DataSource, ReportConfiguration
from reports.sources.base import SourceSpec

#: Fields whose change may make a template fail.
_NEEDED = ("template", "query", "parameters", "data_source", "name", "description")


def check(before: ReportDefinition | None, after: ReportDefinition, tenant: Tenant) -> None:
    """Raises InvalidDefinition for a template that fails. `before` is what is stored: the same is not looked at."""
    if _is_new(before, after):
        found = document_preview.definition_faults(after, _stored(tenant.slug, after.data_source))
        if found:
            raise invalid_definition(found)


def faults_in(definitions: Definitions, env: Mapping[str, str]) -> FieldErrors:
    """What is wrong with the templates of a definitions file, by path; data sources may be in the same file."""
    designed = [(at, report) for at, report in enumerate(definitions.reports) if report.template is not None]
    slugs = {report.slug for _, report in designed}
    rows = prefetch_definitions(ReportConfiguration.objects.filter(slug__in=slugs, current__isnull=False))
    present = {(row.tenant.slug, row.slug): definition_of(row) for row in rows} if designed else {}
    faults: FieldErrors = {}
    for at, report in designed:
        if _is_new(present.get((report.tenant, report.slug)), report):
            found = document_preview.definition_faults(report, _source(report, definitions, env))
            faults |= {join_path(f"reports[{at}]", path): sentences for path, sentences in found.items()}
    return faults


def _is_new(before: ReportDefinition | None, after: ReportDefinition) -> bool:
    if after.template is None:
        return False
    if before is None:
        return True
    old, new = before.entry(), after.entry()
    return any(old[name] != new[name] for name in _NEEDED)


def _source(report: ReportDefinition, definitions: Definitions, env: Mapping[str, str]) -> SourceSpec | None:
    """The report's data source as the file has it, or as it is stored; None where neither can be asked."""
    named = (report.tenant, report.data_source)
    written = next((source for source in definitions.data_sources if (source.tenant, source.slug) == named), None)
    place = written and (written.location or env.get(written.url_env or ""))
    return SourceSpec(kind=written.kind, location=place) if written and place else _stored(*named)


def _stored(tenant: str, slug: str) -> SourceSpec | None:
    source = DataSource.objects.filter(tenant__slug=tenant, slug=slug).first()
    try:
        return source.spec() if source else None
    except WrongKey:
        return None
