"""Compiles templates with the first rows of their report before a definition is stored.

Never within a transaction: reading from the data source may take seconds, in which nobody else could write.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.utils import timezone

from accounts.models import Tenant, User
from reports.definitions import Definitions, ReportDefinition
from reports.definitions.errors import FieldErrors, invalid_definition, join_path
from reports.definitions.from_database import definition_of, prefetch_definitions
from reports.dry_run.document_preview import definition_errors
from reports.exceptions import WrongKey
from reports.models import DataSource, ReportConfiguration, location_rules
from reports.parameters.date_math import Moment
from reports.sources.base import SourceSpec

#: A change of any other field can't make a template fail.
_FIELDS = ("template", "query", "sections", "parameters", "data_source", "name", "description", "time_zone")


def check_template(
    before: ReportDefinition | None, after: ReportDefinition, tenant: Tenant, *, actor: User | str
) -> None:
    """Raise InvalidDefinition if the template fails. `before` is the stored definition: an unchanged one isn't
    compiled again."""
    if _needs_check(before, after):
        moment = Moment.of(timezone.now(), after.time_zone, tenant.time_zone)
        errors = definition_errors(after, _stored_source(tenant.slug, after.data_source), moment, actor=actor)
        if errors:
            raise invalid_definition(errors)


def template_errors_in(definitions: Definitions, env: Mapping[str, str], *, actor: User | str) -> FieldErrors:
    """Return the template errors of a definitions file, by path; a data source may be in the same file."""
    designed = [(at, report) for at, report in enumerate(definitions.reports) if report.template is not None]
    if not designed:
        return {}
    slugs = {report.slug for _, report in designed}
    stored = prefetch_definitions(ReportConfiguration.objects.filter(slug__in=slugs, current__isnull=False))
    before = {(report.tenant.slug, report.slug): definition_of(report) for report in stored}
    zones = dict(Tenant.objects.values_list("slug", "time_zone"))
    zones |= {tenant.slug: tenant.time_zone or "" for tenant in definitions.tenants}
    now = timezone.now()
    errors: FieldErrors = {}
    for at, report in designed:
        if _needs_check(before.get((report.tenant, report.slug)), report):
            moment = Moment.of(now, report.time_zone, zones.get(report.tenant))
            in_report = definition_errors(report, _source(report, definitions, env), moment, actor=actor)
            errors |= {join_path(f"reports[{at}]", path): sentences for path, sentences in in_report.items()}
    return errors


def _needs_check(before: ReportDefinition | None, after: ReportDefinition) -> bool:
    if after.template is None:
        return False
    if before is None:
        return True
    old, new = before.entry(), after.entry()
    return any(old[name] != new[name] for name in _FIELDS)


def _source(report: ReportDefinition, definitions: Definitions, env: Mapping[str, str]) -> SourceSpec | None:
    """Return the report's data source as the file defines it, or as it is stored; None if neither is complete."""
    key = (report.tenant, report.data_source)
    for source in definitions.data_sources:
        if (source.tenant, source.slug) == key:
            location = source.location or env.get(source.url_env or "")
            if location:
                rules = location_rules(by_operator=True) if source.location else None
                return SourceSpec(kind=source.kind, location=location, rules=rules)
    return _stored_source(*key)


def _stored_source(tenant: str, slug: str) -> SourceSpec | None:
    source = DataSource.objects.filter(tenant__slug=tenant, slug=slug).first()
    try:
        return source.spec() if source else None
    except WrongKey:
        # Without its URL, only the syntax of the template can be checked.
        return None
