"""The text of a definitions file for what is in the database."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from accounts.models import Tenant, User
from reports.definitions import yaml
from reports.definitions.base import Definition
from reports.definitions.from_database import (
    definition_of,
    prefetch_definitions,
    source_definition,
    tenant_definition,
    user_definition,
)
from reports.models import DataSource, ReportConfiguration

_HEAD = "# Passwords and connection URLs come from the environment variables named here.\n"


def export_definitions(tenants: Iterable[Tenant]) -> tuple[str, list[str]]:
    """A definitions file for these tenants, and warnings about what could not be put into it."""
    kept = list(tenants)
    names = _EnvNames()
    users = User.objects.filter(tenant__in=kept, is_superuser=False).select_related("tenant").prefetch_related("groups")
    sources = DataSource.objects.filter(tenant__in=kept).select_related("tenant").order_by("tenant__slug", "slug")
    reports = prefetch_definitions(ReportConfiguration.objects.filter(tenant__in=kept, current__isnull=False))
    whole = reports.exclude(current__data_source=None).order_by("tenant__slug", "slug")
    data = {
        "tenants": [_plain(tenant_definition(tenant)) for tenant in kept],
        "users": [
            _plain(user_definition(user, names.of(user.username, "PASSWORD"))) for user in users.order_by("username")
        ],
        "data_sources": [_plain(source_definition(source, names.of(source.slug, "URL"))) for source in sources],
        "reports": [definition_of(report).entry() for report in whole],
    }
    warnings = [
        f"report {report.slug} in {report.tenant.slug} is left out: its data source is gone."
        for report in reports.filter(current__data_source=None)
    ]
    return _HEAD + yaml.write(data), warnings


class _EnvNames:
    """Names of environment variables, each given once: two users whose names differ in a dot share no password."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def of(self, slug: str, suffix: str) -> str:
        """The name for this slug or user name: "crm" and "URL" give CRM_URL."""
        base = re.sub(r"[^A-Z0-9]", "_", slug.upper())
        base = f"_{base}" if base[0].isdigit() else base
        name, number = f"{base}_{suffix}", 1
        while name in self._given:
            number += 1
            name = f"{base}_{number}_{suffix}"
        self._given.add(name)
        return name


def _plain(definition: Definition) -> dict[str, Any]:
    return definition.model_dump(mode="json", exclude_none=True)
