"""What is in the database, as definitions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

from accounts.models import Tenant, User
from reports.definitions import (
    ApiResponseDelivery,
    CsvDefinition,
    DataSourceDefinition,
    DeliveryDefinition,
    EmailDelivery,
    FileShareDelivery,
    GrantsDefinition,
    ParameterDefinition,
    ReportDefinition,
    TenantDefinition,
    UserDefinition,
    WebhookDelivery,
)
from reports.definitions.field_types import principal_of
from reports.definitions.presentation import TotalsDefinition
from reports.exceptions import ReportNotFound
from reports.models import DataSource, DeliveryTarget, ReportConfiguration, ReportVersion, RoleGrant, UserGrant
from reports.permissions import Right

#: The definition of each kind of delivery target.
DELIVERY_DEFINITIONS: dict[str, type[DeliveryDefinition]] = {
    DeliveryTarget.Kind.API_RESPONSE: ApiResponseDelivery,
    DeliveryTarget.Kind.EMAIL: EmailDelivery,
    DeliveryTarget.Kind.WEBHOOK: WebhookDelivery,
    DeliveryTarget.Kind.FILE_SHARE: FileShareDelivery,
}


def prefetch_definitions(reports: QuerySet[ReportConfiguration]) -> QuerySet[ReportConfiguration]:
    """Reports with all that definition_of reads, in a number of queries that does not grow with them."""
    return reports.select_related("tenant", "current__data_source").prefetch_related(
        "current__delivery_targets", "usergrant_set__user", "usergrant_set__permission",
        "rolegrant_set__group", "rolegrant_set__permission",
    )  # fmt: skip


def reload_report(report: ReportConfiguration) -> ReportConfiguration:
    """The same report, read anew with all that definition_of reads. Raises ReportNotFound."""
    found = prefetch_definitions(ReportConfiguration.objects.filter(pk=report.pk)).first()
    if found is None:
        raise ReportNotFound
    return found


def definition_of(report: ReportConfiguration, version: ReportVersion | None = None) -> ReportDefinition:
    """The definition that gives this report, or would with that version of it. Not checked: what was right when it was
    stored is shown as it is.

    `data_source` is empty when it was deleted.
    """
    grants = _grants(report.rolegrant_set.all(), report.usergrant_set.all())
    return _definition(version or report.version, slug=report.slug, tenant=report.tenant.slug, grants=grants)


def version_entry(version: ReportVersion) -> dict[str, Any]:
    """What the version itself says: the entry of its report without the fields that no version keeps."""
    entry = _definition(version, slug="", tenant="", grants=GrantsDefinition()).entry()
    return {name: value for name, value in entry.items() if name not in ReportDefinition.UNVERSIONED}


def fingerprint(definition: ReportDefinition) -> str:
    """Tells one state of a report from another: equal for equal definitions."""
    canonical = json.dumps(definition.entry(), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _definition(version: ReportVersion, **of_the_report: Any) -> ReportDefinition:
    return ReportDefinition.model_construct(
        **of_the_report,
        name=version.name,
        description=version.description,
        data_source=version.data_source.slug if version.data_source else "",
        query=version.query,
        parameters=[ParameterDefinition.model_construct(**parameter) for parameter in version.parameters],
        formats=version.formats,
        delivery=[_delivery(target) for target in version.delivery_targets.all()],
        timeout_seconds=version.timeout_seconds,
        max_rows=version.max_rows,
        **_options(version),
        max_running=version.max_running,
        max_attempts=version.max_attempts,
        retention_days=version.retention_days,
    )


def _options(version: ReportVersion) -> dict[str, Any]:
    options = {name: value for name, value in version.options.items() if name in ReportDefinition.OPTIONS}
    if "csv" in options:
        options["csv"] = CsvDefinition.model_construct(**options["csv"])
    if "totals" in options:
        options["totals"] = TotalsDefinition.model_construct(**options["totals"])
    return options


def tenant_definition(tenant: Tenant) -> TenantDefinition:
    """The definition that gives this tenant."""
    return TenantDefinition.model_construct(slug=tenant.slug, name=tenant.name)


def user_definition(user: User, password_env: str) -> UserDefinition:
    """The definition that gives this user, who has a tenant; the password itself can't be had."""
    tenant = user.tenant.slug if user.tenant else ""
    roles = sorted(group.name for group in user.groups.all())
    return UserDefinition.model_construct(username=user.username, tenant=tenant, roles=roles, password_env=password_env)


def source_definition(source: DataSource, url_env: str) -> DataSourceDefinition:
    """The definition that gives this data source; a URL is only named, since it holds a password."""
    location = source.location or None
    return DataSourceDefinition.model_construct(
        slug=source.slug,
        tenant=source.tenant.slug,
        kind=source.kind,
        location=location,
        url_env=None if location else url_env,
    )


def grants_of(report: ReportConfiguration) -> GrantsDefinition:
    """The grants as they are in the database now."""
    by_role = report.rolegrant_set.select_related("group", "permission")
    by_name = report.usergrant_set.select_related("user", "permission")
    return _grants(by_role, by_name)


def _delivery(target: DeliveryTarget) -> DeliveryDefinition:
    fields = {"kind": target.kind, **target.options} | ({"mode": target.mode} if target.mode else {})
    return DELIVERY_DEFINITIONS[target.kind].model_construct(None, **fields)


def _grants(by_role: Iterable[RoleGrant], by_name: Iterable[UserGrant]) -> GrantsDefinition:
    """Roles first, each in the order of names. A grant of another permission, made by hand, is not the file's."""
    held = sorted((grant.permission.codename, grant.group.name) for grant in by_role)
    held += sorted((grant.permission.codename, principal_of(grant.user.username)) for grant in by_name)
    found = {right: [holder for codename, holder in held if codename == right.codename] for right in Right}
    return GrantsDefinition.model_construct(generate=found[Right.GENERATE], view=found[Right.VIEW])
