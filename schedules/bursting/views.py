"""The pages of a burst: who would receive what, and what came of each recipient of a slot."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_POST, require_safe

from accounts.caller import HtmxHttpRequest, caller
from common.exceptions import DomainError
from common.paging import paginate
from jobs.monitoring.live import content_hash, live_response
from schedules.bursting import actions
from schedules.bursting.progress import Progress, failed_recipients, progress_of, retriable_recipients
from schedules.permissions import schedule_to_manage, slot_to_manage


@login_required
@require_safe
def slot_page(request: HtmxHttpRequest, key: str, slot_id: int) -> HttpResponse:
    """Show a slot's recipients with their jobs. `failed=1`: only those that failed."""
    schedule = schedule_to_manage(caller(request), key)
    slot = slot_to_manage(schedule, slot_id)
    only_failed = request.GET.get("failed") == "1"
    children = failed_recipients(slot) if only_failed else slot.recipients.all()
    page = paginate(request, children.select_related("job"), "key", "id")
    progress = progress_of([slot.pk]).get(slot.pk, Progress())
    shown = [(child.pk, child.job_id, child.outcome, child.status) for child in page.rows]
    context = {
        "schedule": schedule,
        "slot": slot,
        "page": page,
        "progress": progress,
        "can_retry": retriable_recipients(slot).exists(),
        "only_failed": only_failed,
        "content_hash": content_hash(sorted(progress.counts.items()), shown),
    }
    return live_response(request, "schedules/slot.html", "schedules/_recipients.html", context)


@login_required
@require_POST
def retry(request: HttpRequest, key: str, slot_id: int) -> HttpResponse:
    """Run again what failed of a slot."""
    user = caller(request)
    schedule = schedule_to_manage(user, key)
    slot = slot_to_manage(schedule, slot_id)
    try:
        retried = actions.retry_failed(schedule=schedule, slot=slot, actor=user)
    except DomainError as error:
        messages.error(request, gettext(error.message))
    else:
        _tell(request, retried)
    return redirect("schedule-slot", key, slot.pk)


def _tell(request: HttpRequest, retried: actions.Retried) -> None:
    if not retried.number:
        messages.error(request, gettext("Nothing could be retried. See the reasons below."))
        return
    notice = ngettext("Retrying %(number)s recipient.", "Retrying %(number)s recipients.", retried.number)
    notice %= {"number": retried.number}
    if retried.left:
        more = ngettext("%(left)s more failed: retry again.", "%(left)s more failed: retry again.", retried.left)
        notice += " " + more % {"left": f"{retried.left:,}"}
    messages.success(request, notice)


@login_required
@require_safe
def recipients(request: HttpRequest, key: str) -> HttpResponse:
    """Show who would receive what at the next time. Runs only the recipients' and choices queries."""
    schedule = schedule_to_manage(caller(request), key)
    context: dict[str, object] = {"schedule": schedule}
    try:
        found = actions.preview(schedule=schedule, now=timezone.now())
    except DomainError as error:
        context |= {"fault": gettext(error.message)}
    else:
        context |= {"recipients": found, "refused": sum(recipient.is_refused for recipient in found)}
    return render(request, "schedules/recipients.html", context)
