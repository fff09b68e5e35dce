"""The page on which people subscribe to schedules, which is also a part of the page of a report."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from accounts.caller import caller
from common.exceptions import DomainError
from schedules.models import Schedule
from schedules.subscribing import actions


@login_required
@require_safe
def subscriptions(request: HttpRequest) -> HttpResponse:
    """List the schedules to which the user can subscribe. With `report`, those of one report, as a part of its page."""
    report = request.GET.get("report", "").replace("\0", "")
    context: dict[str, object] = {"offers": actions.offers(caller(request), report=report)}
    if not report:
        return render(request, "schedules/subscriptions.html", context)
    # Back to the page of which this is a part.
    context["next"] = request.htmx.current_url_abs_path or ""  # type: ignore[attr-defined]
    return render(request, "schedules/_subscriptions.html", context)


@login_required
@require_POST
def change(request: HttpRequest, key: str) -> HttpResponse:
    """Subscribe or, if `do` says so, unsubscribe. Returns to the page in `next`."""
    user = caller(request)
    schedule = Schedule.objects.find(user, key)
    name = {"name": schedule.slug}
    try:
        if request.POST.get("do") == "unsubscribe":
            actions.unsubscribe(schedule=schedule, actor=user)
            messages.success(request, gettext("You get no more mails from %(name)s.") % name)
        else:
            actions.subscribe(schedule=schedule, actor=user)
            sentence = gettext("You get the results of %(name)s at %(address)s.")
            messages.success(request, sentence % (name | {"address": user.email}))
    except DomainError as error:
        messages.error(request, gettext(error.message))
    back = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(back, allowed_hosts=None) and back.startswith("/"):
        return redirect(back)
    return redirect("subscriptions")
