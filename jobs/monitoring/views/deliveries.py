"""The page of all deliveries."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.caller import caller
from common.paging import paginate
from jobs.models import Delivery
from jobs.monitoring.deliveries import matching, visible_deliveries


@login_required
@require_safe
def delivery_list(request: HttpRequest) -> HttpResponse:
    """List the deliveries of the user's jobs, or of all, newest first. `state` and `schedule` narrow them."""
    state, schedule = request.GET.get("state", ""), request.GET.get("schedule", "").strip().replace("\0", "")
    if state not in Delivery.State:
        state = ""
    deliveries = matching(visible_deliveries(caller(request)), state=state, schedule=schedule)
    context = {
        "page": paginate(request, deliveries, "-created_at", "-id"),
        "states": Delivery.State.choices,
        "state": state,
        "schedule": schedule,
    }
    return render(request, "jobs/deliveries.html", context)
