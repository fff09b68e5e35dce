"""All deliveries that a user may know of, whatever job they belong to."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from accounts.models import User
from jobs.models import Delivery
from reports.permissions import Right


def visible_deliveries(user: User) -> QuerySet[Delivery]:
    """Return the deliveries of the user's own jobs; for an Administrator, all of the tenant; for a superuser, all.

    As for those of one job: their recipients are not for others who can see it.
    """
    if user.is_superuser:
        return Delivery.objects.all()
    in_tenant = Delivery.objects.filter(Q(job__tenant=user.tenant_id))
    if user.is_administrator:
        return in_tenant
    return in_tenant.filter(job__requested_by=user) if user.key_allows(Right.GENERATE) else in_tenant.none()


def matching(deliveries: QuerySet[Delivery], *, state: str, schedule: str) -> QuerySet[Delivery]:
    """Narrow deliveries to a state and to a schedule with this slug, each unless it is empty."""
    if state:
        deliveries = deliveries.filter(state=state)
    if schedule:
        deliveries = deliveries.filter(job__delivery_plan__schedule_slug=schedule)
    related = ("job__delivery_plan", "job__tenant", "link")
    return deliveries.select_related(*related)
