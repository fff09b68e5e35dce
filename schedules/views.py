"""The list of schedules, and a schedule's page with its next times and its slots."""

from __future__ import annotations

from itertools import islice
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import OuterRef, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from accounts.caller import caller
from common.exceptions import DomainError
from common.paging import paginate
from schedules import actions, cron
from schedules.bursting.progress import progress_of
from schedules.calendar import month_of
from schedules.editing import presets
from schedules.models import Schedule, Slot
from schedules.permissions import schedule_to_manage

_NEXT_TIMES = 5


@login_required
@require_safe
def schedule_list(request: HttpRequest) -> HttpResponse:
    """List the user's schedules; for Administrators, all of the tenant."""
    user = caller(request)
    visible = Schedule.objects.visible_to(user)
    # Their former owners can't see them any more.
    needs_owner = user.is_administrator and request.GET.get("needs") == "owner"
    without_owner = visible.without_owner().count() if user.is_administrator else 0
    last_slot = Slot.objects.filter(schedule=OuterRef("pk")).order_by("-time").values("pk")[:1]
    listed = visible.without_owner() if needs_owner else visible
    schedules = listed.complete().annotate(last_slot_id=Subquery(last_slot))
    page = paginate(request, schedules, "slug", "id")
    slots = Slot.objects.select_related("job").in_bulk([schedule.last_slot_id for schedule in page.rows])
    progress = progress_of(slots)
    rows = [(schedule, slots.get(schedule.last_slot_id), progress.get(schedule.last_slot_id)) for schedule in page.rows]
    context = {"page": page, "rows": rows, "needs_owner": needs_owner, "without_owner": without_owner}
    return render(request, "schedules/list.html", context)


@login_required
@require_safe
def schedule_page(request: HttpRequest, key: str) -> HttpResponse:
    schedule = schedule_to_manage(caller(request), key)
    slots = schedule.slots.select_related("job", "version")
    fields = schedule.version.definition
    page = paginate(request, slots, "-time", "id")
    progress = progress_of(slot.pk for slot in page.rows)
    context: dict[str, Any] = {
        "schedule": schedule,
        "fields": fields,
        "zone": schedule.zone,
        "next_times": [] if schedule.paused else list(islice(schedule.times(after=timezone.now()), _NEXT_TIMES)),
        "words": presets.words(fields["cron"]),
        "month": month_of(schedule, request.GET.get("month", "")),
        "failures_allowed": settings.SCHEDULE_FAILURES,
        "warning": cron.warning(fields["cron"]),
        "page": page,
        "rows": [(slot, progress.get(slot.pk)) for slot in page.rows],
    }
    return render(request, "schedules/detail.html", context)


@login_required
@require_POST
def command(request: HttpRequest, key: str, command: str) -> HttpResponse:
    """Run the schedule now, pause it or resume it."""
    user = caller(request)
    schedule = schedule_to_manage(user, key)
    try:
        match command:
            case "run":
                slot = actions.run_now(schedule=schedule, actor=user)
                is_burst = slot.job_id is None or slot.recipients.exists()
                return redirect("schedule-slot", key, slot.pk) if is_burst else redirect("job", slot.job_id)
            case "pause":
                actions.pause(schedule=schedule, actor=user)
                messages.success(request, gettext("%(name)s is paused.") % {"name": schedule.slug})
            case "take-over":
                taken = actions.take_over(schedule=schedule, owner=user, actor=user)
                paused = gettext("%(name)s is yours. It is still paused.")
                notice = paused if taken.paused else gettext("%(name)s is yours and runs again.")
                messages.success(request, notice % {"name": schedule.slug})
            case "resume":
                actions.resume(schedule=schedule, actor=user)
                messages.success(request, gettext("%(name)s runs again from now on.") % {"name": schedule.slug})
            case _:
                raise Http404
    except DomainError as error:
        sentences = [sentence for found in error.details.get("fields", {}).values() for sentence in found]  # type: ignore[attr-defined]
        messages.error(request, " ".join([gettext(error.message), *sentences]))
    return redirect("schedule", key)
