"""The page of all deliveries."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.caller import caller
from accounts.models import User
from common.paging import paginate
from jobs.models import Delivery
from reports.permissions import Right


@login_required
@require_safe
def delivery_list(request: HttpRequest) -> HttpResponse:
    """List the deliveries of the user's jobs, or of all, newest first. `state` and `schedule` narrow them."""
    state, schedule = request.GET.get("state", ""), request.GET.get("schedule", "").strip().replace("\0", "")
    if state not in Delivery.State:
        state = ""
    deliveries = _matching(_visible_deliveries(caller(request)), state=state, schedule=schedule)
    context = {
        "page": paginate(request, deliveries, "-created_at", "-id"),
        "states": Delivery.State.choices,
        "state": state,
        "schedule": schedule,
    }
    return render(request, "jobs/deliveries.html", context)


def _visible_deliveries(user: User) -> QuerySet[Delivery]:
    """Return the deliveries of the user's own jobs; for an Administrator, all of the tenant; for a superuser, all.

    As for those of one job: their recipients are not for others who can see it.
    """
    if user.is_superuser:
        return Delivery.objects.all()
    in_tenant = Delivery.objects.filter(Q(job__tenant=user.tenant_id))
    if user.is_administrator:
        return in_tenant
    return in_tenant.filter(job__requested_by=user) if user.key_allows(Right.GENERATE) else in_tenant.none()


def _matching(deliveries: QuerySet[Delivery], *, state: str, schedule: str) -> QuerySet[Delivery]:
    """Narrow deliveries to a state and to a schedule with this slug, each unless it is empty."""
    if state:
        deliveries = deliveries.filter(state=state)
    if schedule:
        deliveries = deliveries.filter(job__delivery_plan__schedule_slug=schedule)
    related = ("job__delivery_plan", "job__tenant", "link")
    return deliveries.select_related(*related)
