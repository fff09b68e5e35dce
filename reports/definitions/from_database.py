"""Definitions of what the database holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Prefetch, QuerySet

from accounts.models import IdentityProvider, Tenant, User
from accounts.roles import role_name
from reports.definitions import (
    ApiResponseDelivery,
    AttributeDefinition,
    ChoicesQueryDefinition,
    CsvDefinition,
    DataSourceDefinition,
    DeliveryDefinition,
    EmailDelivery,
    FileShareDelivery,
    GrantsDefinition,
    IdentityDefinition,
    IdentityProviderDefinition,
    ParameterDefinition,
    ReportDefinition,
    RuleDefinition,
    TenantDefinition,
    UserDefinition,
    WebhookDelivery,
)
from reports.definitions.field_types import principal_of
from reports.definitions.presentation import (
    ColumnDefinition,
    HighlightDefinition,
    SectionDefinition,
    TotalsDefinition,
)
from reports.exceptions import ReportNotFound
from reports.models import DataSource, ReportConfiguration, ReportVersion, RoleGrant, UserGrant
from reports.permissions import Right
from reports.targets.models import DeliveryTarget

DELIVERY_DEFINITIONS: dict[str, type[DeliveryDefinition]] = {
    DeliveryTarget.Kind.API_RESPONSE: ApiResponseDelivery,
    DeliveryTarget.Kind.EMAIL: EmailDelivery,
    DeliveryTarget.Kind.WEBHOOK: WebhookDelivery,
    DeliveryTarget.Kind.FILE_SHARE: FileShareDelivery,
}


def prefetch_definitions(reports: QuerySet[ReportConfiguration]) -> QuerySet[ReportConfiguration]:
    """Load what `definition_of` reads, in the same number of queries for any number of reports."""
    return reports.select_related("tenant", "current__data_source").prefetch_related(
        "current__delivery_targets",
        "usergrant_set__user",
        "usergrant_set__permission",
        Prefetch("rolegrant_set", RoleGrant.objects.select_related("group__role", "permission")),
    )


def reload_report(report: ReportConfiguration) -> ReportConfiguration:
    """Read the report again, with what `definition_of` reads. Raises ReportNotFound."""
    reloaded = prefetch_definitions(ReportConfiguration.objects.filter(pk=report.pk)).first()
    if reloaded is None:
        raise ReportNotFound
    return reloaded


def definition_of(report: ReportConfiguration, version: ReportVersion | None = None) -> ReportDefinition:
    """Return the report's definition, with its current version or another one.

    It is not validated: what was valid when it was stored is returned as it is. `data_source` is "" if the data source
    was deleted.
    """
    grants = _grants(report.rolegrant_set.all(), report.usergrant_set.all())
    return _definition(
        version or report.version,
        slug=report.slug,
        tenant=report.tenant.slug,
        folder=report.folder,
        tags=report.tags,
        grants=grants,
    )


def version_entry(version: ReportVersion) -> dict[str, Any]:
    """Return the version's part of the report's entry: without slug, tenant and grants."""
    entry = _definition(version, slug="", tenant="", grants=GrantsDefinition()).entry()
    return {name: value for name, value in entry.items() if name not in ReportDefinition.UNVERSIONED}


def fingerprint(definition: ReportDefinition) -> str:
    """Return a digest that is equal for equal definitions, to notice that somebody else changed a report."""
    canonical = json.dumps(definition.entry(), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def tenant_definition(tenant: Tenant) -> TenantDefinition:
    attributes = {name: AttributeDefinition.model_construct(**each) for name, each in tenant.attributes.items()}
    return TenantDefinition.model_construct(
        slug=tenant.slug,
        name=tenant.name,
        time_zone=tenant.time_zone or None,
        recipient_domains=tenant.recipient_domains.split(),
        # What is the same as a default would only make a file longer.
        require_second_factor=tenant.require_second_factor or None,
        attributes=attributes or None,
        locale=tenant.locale or None,
    )


def user_definition(user: User, password_env: str) -> UserDefinition:
    """Return the definition of a user, with the name of a variable in place of the password."""
    identities = [
        IdentityDefinition.model_construct(provider=identity.provider.slug, sub=identity.subject)
        for identity in user.identities.all()
        if identity.issuer == identity.provider.issuer
    ]
    # Whoever signs in through a provider needs no password.
    needs_password = not user.service and not (identities and not user.has_usable_password())
    return UserDefinition.model_construct(
        username=user.username,
        tenant=user.tenant.slug if user.tenant else "",
        roles=sorted(role_name(group) for group in user.groups.all()),
        # What is the same as a default would only make a file longer.
        password_env=password_env if needs_password else None,
        email=user.email or None,
        attributes=user.attributes or None,
        identities=identities or None,
        service=user.service or None,
    )


def provider_definition(provider: IdentityProvider, client_secret_env: str) -> IdentityProviderDefinition:
    """Return the definition of an identity provider, with the name of a variable in place of the secret."""
    return IdentityProviderDefinition.model_construct(
        slug=provider.slug,
        tenant=provider.tenant.slug,
        name=provider.name,
        issuer=provider.issuer,
        client_id=provider.client_id,
        client_secret_env=client_secret_env if provider.encrypted_client_secret else None,
        groups_claim=provider.groups_claim or None,
        roles={role.value: role_name(role.group) for role in provider.roles.all()},
        attributes=provider.attributes,
        provision=provider.provision,
        # What is the same as a default would only make a file longer.
        enabled=None if provider.enabled else False,
    )


def source_definition(source: DataSource, url_env: str) -> DataSourceDefinition:
    """Return the definition of a data source, with the name of a variable in place of a URL, which has a password."""
    location = None if source.is_uploads else source.location or None
    return DataSourceDefinition.model_construct(
        slug=source.slug,
        tenant=source.tenant.slug,
        kind=source.kind,
        location=location,
        url_env=None if source.location else url_env,
        uploads=source.is_uploads or None,
    )


def stored_grants(report: ReportConfiguration) -> GrantsDefinition:
    """Return the report's grants, read now."""
    return _grants(
        report.rolegrant_set.select_related("group__role", "permission"),
        report.usergrant_set.select_related("user", "permission"),
    )


def _definition(version: ReportVersion, **unversioned: Any) -> ReportDefinition:
    options = {name: value for name, value in version.options.items() if name in ReportDefinition.OPTIONS}
    if "csv" in options:
        options["csv"] = CsvDefinition.model_construct(**options["csv"])
    options = _presentation(options)
    if "sections" in options:
        options["sections"] = [SectionDefinition.model_construct(**_presentation(each)) for each in options["sections"]]
    if "rules" in options:
        options["rules"] = [RuleDefinition.model_construct(**rule) for rule in options["rules"]]
    return ReportDefinition.model_construct(
        **unversioned,
        name=version.name,
        description=version.description,
        data_source=version.data_source.slug if version.data_source else "",
        query=version.query,
        parameters=_parameters(version.parameters),
        formats=version.formats,
        delivery=[_delivery(target) for target in version.delivery_targets.all()],
        deliver=version.deliver,
        timeout_seconds=version.timeout_seconds,
        max_rows=version.max_rows,
        max_running=version.max_running,
        max_attempts=version.max_attempts,
        retention_days=version.retention_days,
        **options,
    )


def _parameters(stored: Iterable[Mapping[str, Any]]) -> list[ParameterDefinition]:
    """Return the definitions of a version's parameters, with the slugs of data sources as they are now."""
    ids = [parameter.get("choices_query", {}).get("data_source") for parameter in stored]
    # A query for each such report of a list. Few have choices from another data source than their own.
    slugs = (
        {str(pk): slug for pk, slug in DataSource.objects.filter(pk__in=ids).values_list("pk", "slug")}
        if any(ids)
        else {}
    )
    return [_parameter(parameter, slugs) for parameter in stored]


def _parameter(stored: Mapping[str, Any], slugs: Mapping[str, str]) -> ParameterDefinition:
    fields = dict(stored)
    if query := fields.get("choices_query"):
        known: dict[str, Any] = {"query": query["query"]}
        if "data_source" in query:
            known["data_source"] = slugs.get(query["data_source"], "")
        fields["choices_query"] = ChoicesQueryDefinition.model_construct(**known)
    return ParameterDefinition.model_construct(**fields)


def _presentation(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a version, or a section among them, with definitions of its totals and columns."""
    options = dict(stored)
    if "totals" in options:
        options["totals"] = TotalsDefinition.model_construct(**options["totals"])
    if "columns" in options:
        options["columns"] = {name: _column(entry) for name, entry in options["columns"].items()}
    return options


def _column(entry: dict[str, Any]) -> ColumnDefinition:
    rules = [HighlightDefinition.model_construct(**rule) for rule in entry.get("highlight", [])]
    return ColumnDefinition.model_construct(**entry | ({"highlight": rules} if rules else {}))


def _delivery(target: DeliveryTarget) -> DeliveryDefinition:
    fields = {"kind": target.kind} | target.options | ({"mode": target.mode} if target.mode else {})
    return DELIVERY_DEFINITIONS[target.kind].model_construct(None, **fields)


def _grants(role_grants: Iterable[RoleGrant], user_grants: Iterable[UserGrant]) -> GrantsDefinition:
    """Roles come first, each in the order of names. Permissions other than our rights, given by hand, are left out."""
    grants = sorted((grant.permission.codename, role_name(grant.group)) for grant in role_grants)
    grants += sorted((grant.permission.codename, principal_of(grant.user.username)) for grant in user_grants)
    principals = {right: [name for codename, name in grants if codename == right.codename] for right in Right}
    return GrantsDefinition.model_construct(generate=principals[Right.GENERATE], view=principals[Right.VIEW])
