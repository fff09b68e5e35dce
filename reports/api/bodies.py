"""From the body of a call to a definition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accounts.models import Tenant, User
from reports.definitions import ReportDefinition, parse_report, to_database
from reports.definitions.errors import invalid_definition
from reports.dry_run.target import DryRunTarget
from reports.models import ReportConfiguration


def mapping(body: Any) -> dict[str, Any]:
    """The body, if it is a JSON object. Raises InvalidDefinition."""
    if not isinstance(body, dict):
        raise invalid_definition({"body": ["Must be a JSON object."]})
    return dict(body)


def new_report(body: Any, user: User) -> tuple[ReportDefinition, Tenant]:
    """The definition of a new report, and its tenant: the caller's, unless a superuser names another one."""
    given = mapping(body)
    own = {"tenant": user.tenant.slug} if user.tenant else {}
    definition = parse_report(own | given)
    tenant = Tenant.objects.filter(slug=definition.tenant).first()
    if tenant is None or not user.administers(tenant.pk):
        raise invalid_definition({"tenant": ["There is no such tenant."]})
    return definition, tenant


def whole_report(body: Any, report: ReportConfiguration) -> ReportDefinition:
    """The new definition of a report that is there."""
    return parse_report({"tenant": report.tenant.slug} | mapping(body))


def subject(body: Mapping[str, Any], report: ReportConfiguration) -> DryRunTarget:
    """What to look at: the definition in the body, or the report as it is. Raises InvalidDefinition, SourceMissing."""
    if body["definition"] is None:
        return DryRunTarget.of_version(report.version)
    definition = whole_report(body["definition"], report)
    return DryRunTarget.of_definition(definition, to_database.check_definition(definition, report.tenant).spec())
