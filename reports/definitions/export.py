"""Writes a definitions file of what the database holds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from accounts.models import IdentityProvider, Tenant, User
from reports.definitions import yaml
from reports.definitions.base import Definition
from reports.definitions.file_sections import VariableNames, file_sections
from reports.definitions.from_database import (
    definition_of,
    prefetch_definitions,
    provider_definition,
    source_definition,
    tenant_definition,
    user_definition,
)
from reports.models import DataSource, ReportConfiguration

_HEAD = "# Passwords and connection URLs come from the environment variables named here.\n"


def export_definitions(tenants: Iterable[Tenant]) -> tuple[str, list[str]]:
    """Return a definitions file for these tenants, and warnings about what it leaves out."""
    exported = list(tenants)
    variables = VariableNames()
    users = User.objects.filter(tenant__in=exported, is_superuser=False).order_by("username")
    providers = IdentityProvider.objects.filter(tenant__in=exported).order_by("tenant__slug", "slug")
    sources = DataSource.objects.filter(tenant__in=exported).order_by("tenant__slug", "slug")
    complete = ReportConfiguration.objects.filter(tenant__in=exported, current__isnull=False)
    reports = prefetch_definitions(complete).order_by("tenant__slug", "slug")
    data: dict[str, list[Any]] = {"tenants": [_entry(tenant_definition(tenant)) for tenant in exported]}
    # Not an empty list: files of those who don't use the section stay as they are.
    if entries := [
        _entry(provider_definition(provider, variables.name(provider.slug, "CLIENT_SECRET")))
        for provider in providers.select_related("tenant").prefetch_related("roles__group__role")
    ]:
        data["identity_providers"] = entries
    data |= {
        "users": [
            _entry(user_definition(user, variables.name(user.username, "PASSWORD")))
            for user in users.select_related("tenant").prefetch_related("groups__role", "identities__provider")
        ],
        "data_sources": [
            _entry(source_definition(source, variables.name(source.slug, "URL")))
            for source in sources.select_related("tenant")
        ],
        "reports": [definition_of(report).entry() for report in reports.exclude(current__data_source=None)],
    }
    warnings = [
        f"report {report.slug} in {report.tenant.slug} is left out: its data source was deleted."
        for report in reports.filter(current__data_source=None)
    ]
    for section in file_sections():
        entries, left_out = section.export(exported, variables)
        # As above, not an empty list.
        data |= {section.name: entries} if entries else {}
        warnings += left_out
    return _HEAD + yaml.write(data), warnings


def _entry(definition: Definition) -> dict[str, Any]:
    return definition.model_dump(mode="json", exclude_none=True)
