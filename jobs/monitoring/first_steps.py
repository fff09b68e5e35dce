"""What an Administrator of an empty system does first: organization, data source, report, person."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext

from accounts.models import Tenant, User
from reports.models import DataSource, ReportConfiguration
from reports.querysets import source_key


class Step(NamedTuple):
    """One of the first steps. `is_next`: the first that isn't done."""

    title: str
    text: str
    url: str
    is_done: bool
    is_next: bool = False


def first_steps(user: User) -> list[Step]:
    """Return the steps of an Administrator; none for others, and once all are done."""
    if not user.is_administrator:
        return []
    tenant = user.tenant or Tenant.objects.order_by("pk").first()
    reports = ReportConfiguration.objects.filter(tenant=tenant, current__isnull=False)
    others = User.objects.filter(tenant=tenant, is_active=True).exclude(pk=user.pk)
    if tenant and reports.exists() and others.exists():
        return []
    source = DataSource.objects.filter(tenant=tenant).order_by("pk").first() if tenant else None
    named = f"?{urlencode({'tenant': tenant.slug})}" if tenant and user.is_superuser else ""
    report_url = reverse("source", args=[source_key(user, source)]) if source else f"{reverse('report-new')}{named}"
    steps = [
        Step(
            gettext("Organization"),
            gettext("It owns users, data sources and reports."),
            reverse("admin:accounts_tenant_add"),
            tenant is not None,
        ),
        Step(
            gettext("Data source"),
            gettext("Upload a file, or connect a folder or a database."),
            f"{reverse('source-new')}{named}",
            source is not None,
        ),
        Step(
            gettext("Report"),
            gettext("Choose “New report” beside a table of the data source, and save."),
            report_url,
            bool(tenant) and reports.exists(),
        ),
        Step(
            gettext("Person"),
            gettext("Create a user, who gets a link to set a password."),
            reverse("people"),
            bool(tenant) and others.exists(),
        ),
    ]
    following = next((at for at, step in enumerate(steps) if not step.is_done), None)
    return [step._replace(is_next=at == following) for at, step in enumerate(steps)]
