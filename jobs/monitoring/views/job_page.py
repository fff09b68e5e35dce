"""A job's page, its result, and its Retry, Resend and Cancel buttons."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_POST, require_safe

from accounts.caller import HtmxHttpRequest, caller
from common.exceptions import DomainError
from jobs import actions, permissions
from jobs.delivery import links, outbox
from jobs.models import Delivery, JobExecutionLog
from jobs.monitoring import job_detail, result_preview
from jobs.monitoring.live import changing_values, content_hash, live_response
from jobs.monitoring.views.redirects import next_url
from jobs.queue.position import annotate_positions
from jobs.results.downloads import result_response
from jobs.status import UNFINISHED, Status
from reports.permissions import may_generate
from reports.rendering import ONE_SECTION


@login_required
@require_safe
def job_page(request: HtmxHttpRequest, job_id: str) -> HttpResponse:
    user = caller(request)
    job = permissions.visible_job(user, job_id)
    events, deliveries = list(job.events.all()), list(job.deliveries.select_related("link"))
    annotate_positions([job])
    may_rerun = job.report is not None and may_generate(user, job.report)
    context = {
        "job": job,
        "is_administrator": user.administers(job.tenant_id),
        "events": events,
        "attempts": job_detail.attempts(job, events),
        "phases": job_detail.phases(events),
        "parameters": job_detail.titled_parameters(job),
        "rerun_query": job_detail.rerun_query(job) if may_rerun else "",
        "repeat_query": job_detail.repeat_query(job) if may_rerun and job.is_ended else "",
        "retry_chain": job_detail.retry_chain(job),
        "similar_failures": job_detail.similar_failures(user, job),
        "changes": job_detail.changes_since(job),
        "has_preview": job.format in result_preview.FORMATS,
        "has_pdf": "pdf" in job.formats,
        "page_url": f"{settings.PUBLIC_URL}{reverse('job', args=[job.pk])}",
        "may_compare": bool(job.report_id and job.result and job.result.kept),
        "convertible": (convertible := job_detail.convertible_formats(job)),
        "sections": job.version.sections if job.version and not ONE_SECTION.isdisjoint(convertible) else [],
        # The live region announces it once, when the page that shows the job as unfinished learns of it.
        "has_just_ended": job.is_ended and request.headers.get("X-Job-Status") in UNFINISHED,
        "deliveries": deliveries,
        "has_pending_deliveries": any(delivery.state == Delivery.State.PENDING for delivery in deliveries),
        "shows_recipients": permissions.may_see_recipients(user, job),
        "may_resend": permissions.may_resend(user, job, deliveries),
        "content_hash": content_hash(changing_values(job), len(events)),
    }
    return live_response(request, "jobs/detail.html", "jobs/_detail.html", context)


@login_required
@require_safe
def preview(request: HtmxHttpRequest, job_id: str) -> HttpResponse:
    """Show the first rows of the result."""
    job = permissions.visible_job(caller(request), job_id)
    if job.format not in result_preview.FORMATS:
        raise Http404("This format has no preview.")
    context = {"job": job, "rows": result_preview.preview(job=job, actor=caller(request))}
    return render(request, "jobs/_preview.html" if request.htmx else "jobs/preview.html", context)


@login_required
@require_safe
def download(request: HttpRequest, job_id: str) -> HttpResponseBase:
    job = permissions.visible_job(caller(request), job_id)
    return result_response(request, job, caller(request))


@login_required
@require_POST
def retry(request: HttpRequest, job_id: str) -> HttpResponse:
    """Retry the job, then return to the list or show the new job."""
    job = permissions.job_to_retry(caller(request), job_id)
    try:
        new_job = actions.retry(job=job, actor=caller(request))
    except DomainError as error:
        return _refused(request, job, error)
    url = reverse("job", args=[new_job.pk])
    text = gettext('{report} retried as <a href="{url}">a new job</a>.')
    messages.success(request, format_html(text, report=job.report_name, url=url))
    return redirect(next_url(request, url))


@login_required
@require_POST
def cancel(request: HttpRequest, job_id: str) -> HttpResponse:
    job = permissions.job_to_cancel(caller(request), job_id)
    try:
        actions.cancel(job=job, actor=caller(request))
    except DomainError as error:
        return _refused(request, job, error)
    has_ended = job.status == Status.QUEUED  # A running job ends within seconds.
    text = gettext("%(report)s cancelled.") if has_ended else gettext("%(report)s is being cancelled.")
    messages.success(request, text % {"report": job.report_name})
    return redirect(next_url(request, reverse("job", args=[job.pk])))


@login_required
@require_POST
def resend(request: HttpRequest, job_id: str) -> HttpResponse:
    """Try the job's failed deliveries again."""
    job = permissions.job_to_resend(caller(request), job_id)
    try:
        count = outbox.resend(job=job, actor=caller(request))
    except DomainError as error:
        return _refused(request, job, error)
    text = ngettext("Resending %(count)d delivery.", "Resending %(count)d deliveries.", count)
    messages.success(request, text % {"count": count})
    return redirect("job", job.pk)


@login_required
@require_POST
def decide_delivery(request: HttpRequest, delivery_id: str) -> HttpResponse:
    """Release or discard a held delivery, or revoke the link in a mail."""
    user = caller(request)
    if request.POST.get("do") == "revoke":
        return _revoke_link(request, permissions.delivery_to_revoke(user, delivery_id))
    delivery = permissions.delivery_to_decide(user, delivery_id)
    try:
        if request.POST.get("do") == "release":
            outbox.release(delivery=delivery, actor=user)
            messages.success(request, gettext("Released. It is sent within seconds."))
        elif request.POST.get("do") == "discard":
            outbox.discard(delivery=delivery, actor=user)
            messages.success(request, gettext("Discarded. It won't be sent."))
    except DomainError as error:
        return _refused(request, delivery.job, error)
    return redirect(next_url(request, reverse("job", args=[delivery.job_id])))


def _revoke_link(request: HttpRequest, delivery: Delivery) -> HttpResponse:
    links.revoke(delivery=delivery, actor=caller(request))
    messages.success(request, gettext("The link was revoked. It no longer works."))
    return redirect("job", delivery.job_id)


def _refused(request: HttpRequest, job: JobExecutionLog, error: DomainError) -> HttpResponse:
    messages.error(request, gettext(error.message))
    return redirect(next_url(request, reverse("job", args=[job.pk])))
