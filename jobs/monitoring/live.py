"""Live regions: parts of a page that htmx reloads every few seconds and replaces only if their content changed.

A region sends the hash of the content that it shows; see `content_hash` in its template.
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

from accounts.caller import HtmxHttpRequest
from jobs.models import JobExecutionLog
from jobs.monitoring.job_detail import attempt_seconds
from jobs.queue.position import waits_for_another
from jobs.status import Status

_HASH_HEADER = "X-Content-Hash"


def content_hash(*values: object) -> str:
    """Return a hash that is short enough for a header and differs if the repr of any value differs."""
    return hashlib.sha256(repr(values).encode()).hexdigest()[:16]


def changing_values(job: JobExecutionLog) -> tuple[object, ...]:
    """Return what can change of a job on a page. That includes the seconds that it runs, so its clock moves."""
    seconds = int(attempt_seconds(job) or 0) if job.status == Status.RUNNING else 0
    position = job.queue_position and job.queue_position.position
    return (
        job.pk,
        job.status,
        job.fence,
        job.percent,
        job.rows,
        job.cancel_requested_at,
        seconds,
        position,
        waits_for_another(job),
        job.retry_job,
        job.result is not None,
        job.delivery_state,
    )


def live_response(request: HtmxHttpRequest, page: str, region: str, context: dict[str, Any]) -> HttpResponse:
    """Render the page or, for htmx, the region alone. Answer 204 if the region shows `context["content_hash"]` already.

    htmx doesn't swap on 204, so a selection, an open list or a pressed button survives.
    """
    if request.htmx and request.headers.get(_HASH_HEADER) == context["content_hash"]:
        return HttpResponse(status=204)
    response = render(request, region if request.htmx else page, context)
    patch_vary_headers(response, ["HX-Request"])
    return response
