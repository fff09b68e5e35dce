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


def with_tenant(body: Any, user: User) -> dict[str, Any]:
    """Return the body with the user's tenant if it names none. Raises InvalidDefinition unless it is a JSON object."""
    own_tenant = {"tenant": user.tenant.slug} if user.tenant else {}
    return own_tenant | json_object(body)


def named_tenant(slug: str, user: User, *, to_administer: bool = True) -> Tenant:
    """Return the tenant that a body names: the user's own, or any that a superuser names.

    Raises InvalidDefinition, also for users without an Administrator's rights there unless `to_administer` is false.
    """
    tenant = Tenant.objects.filter(slug=slug).first()
    may_use = tenant is not None and (
        user.administers(tenant.pk) if to_administer else user.is_superuser or tenant.pk == user.tenant_id
    )
    # The same error for both, so that nobody can find out which other tenants exist.
    if tenant is None or not may_use:
        raise invalid_definition({"tenant": ["This tenant does not exist."]})
    return tenant


def new_report(body: Any, user: User) -> tuple[ReportDefinition, Tenant]:
    """Return the definition of a new report, and its tenant. Raises InvalidDefinition."""
    definition = parse_report(with_tenant(body, user))
    return definition, named_tenant(definition.tenant, user)


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
