"""Cheap polling of a status: ETags, how long to wait, and answers that wait for a change (RFC 7240)."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.models import JobExecutionLog
from jobs.querysets import JobQuerySet
from jobs.results.etags import has_it

LONGEST_WAIT_SECONDS = 25
#: Seconds between two looks: the first, how much longer each next one, and the longest. Most reports are short.
_FIRST_LOOK, _LONGER, _LONGEST_LOOK = 0.02, 1.25, 0.2
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\b", re.ASCII | re.IGNORECASE)
_waiters = threading.BoundedSemaphore(settings.MAX_WAITERS)


def wait_preference(request: Request) -> int | None:
    """The N of `Prefer: wait=N`, bounded; None without one."""
    match = _WAIT.search(request.headers.get("Prefer", ""))
    return min(int(match[1]), LONGEST_WAIT_SECONDS) if match else None


def wait_for_change(job: JobExecutionLog, seconds: int) -> JobExecutionLog:
    """The job after its next change of status, or after that time."""
    return _wait_while(JobExecutionLog.objects.filter(status=job.status, attempt=job.attempt), job, seconds)


def wait_for_end(job: JobExecutionLog, seconds: int) -> JobExecutionLog:
    """The job once it has ended, or after that time."""
    return _wait_while(JobExecutionLog.objects.unfinished(), job, seconds)


def _wait_while(jobs: JobQuerySet, job: JobExecutionLog, seconds: int) -> JobExecutionLog:
    """The job once it is not among `jobs` any more. Each waiter holds a thread, so no more than a few may wait."""
    if not _waiters.acquire(blocking=False):
        return job
    try:
        until, look = time.monotonic() + seconds, _FIRST_LOOK
        while time.monotonic() < until and jobs.filter(pk=job.pk).exists():
            time.sleep(look)
            look = min(_LONGEST_LOOK, look * _LONGER)
        return JobExecutionLog.objects.with_result().get(pk=job.pk)
    finally:
        _waiters.release()


def status_response(request: Request, job: JobExecutionLog, body: Mapping[str, Any], *, waited: bool) -> Response:
    """200 with the body, or 304 when the caller has it already."""
    etag = f'W/"{hashlib.sha256(json.dumps(_lasting(body), default=str).encode()).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Prefer"}
    if not job.is_ended:
        headers["Retry-After"] = str(retry_after(job))
    if waited:
        headers["Preference-Applied"] = "wait"
    if has_it(request.headers.get("If-None-Match"), etag):
        return Response(status=304, headers=headers)
    return Response(body, headers=headers)


def _lasting(body: Mapping[str, Any]) -> dict[str, Any]:
    """Without the estimate, which is another one every second."""
    place = body["queue"]
    return {**body, "queue": place and {**place, "estimatedStart": None}}


def retry_after(job: JobExecutionLog) -> int:
    """Seconds a client should wait before it asks again: longer for a job that is at it for long."""
    age = (timezone.now() - job.queued_at).total_seconds()
    return 1 if age < 10 else 2 if age < 60 else 5
