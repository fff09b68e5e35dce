"""Reads definitions from the bodies of calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from accounts.models import Tenant, User
from reports.definitions import ReportDefinition, parse_report
from reports.definitions.errors import invalid_definition
from reports.definitions.to_database import check_definition
from reports.dry_run.target import DryRunTarget
from reports.models import ReportConfiguration
from reports.parameters.date_math import Moment


def json_object(body: Any) -> dict[str, Any]:
    """Return the body. Raises InvalidDefinition unless it is a JSON object."""
    if not isinstance(body, dict):
        raise invalid_definition({"body": ["Must be a JSON object."]})
    return dict(body)


def new_report(body: Any, user: User) -> tuple[ReportDefinition, Tenant]:
    """Return the definition of a new report, and its tenant: the user's own, or the one that a superuser names.

    Raises InvalidDefinition.
    """
    own_tenant = {"tenant": user.tenant.slug} if user.tenant else {}
    definition = parse_report(own_tenant | json_object(body))
    tenant = Tenant.objects.filter(slug=definition.tenant).first()
    # The same error for both, so that nobody can find out which other tenants exist.
    if tenant is None or not user.administers(tenant.pk):
        raise invalid_definition({"tenant": ["This tenant does not exist."]})
    return definition, tenant


def changed_report(body: Any, report: ReportConfiguration) -> ReportDefinition:
    """Return the new definition of a stored report. Raises InvalidDefinition."""
    return parse_report({"tenant": report.tenant.slug} | json_object(body))


def dry_run_target(body: Mapping[str, Any], report: ReportConfiguration, actor: User) -> DryRunTarget:
    """Return the definition in the body, or the stored report without one, as the actor would run it.

    Raises InvalidDefinition, SourceMissing, CallerAttributeMissing.
    """
    if body["definition"] is None:
        return DryRunTarget.of_version(report.version, report.moment(timezone.now()), actor)
    definition = changed_report(body["definition"], report)
    sources = check_definition(definition, report.tenant)
    moment = Moment.of(timezone.now(), definition.time_zone, report.tenant.time_zone)
    choices = sources.parameter_choices(definition)
    return DryRunTarget.of_definition(definition, sources.report.spec(), moment, actor, choices)
