"""Polling of a job's status: waiting for a change (RFC 7240), ETags, and how soon to poll again."""

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

from common.conditional import is_not_modified
from jobs.models import JobExecutionLog
from jobs.querysets import JobQuerySet

MAX_WAIT_SECONDS = 25
#: While a request waits, it reads the job at growing intervals, since most reports take less than a second.
_FIRST_INTERVAL, _INTERVAL_GROWTH, _MAX_INTERVAL = 0.02, 1.25, 0.2
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\b", re.ASCII | re.IGNORECASE)
_waiters = threading.BoundedSemaphore(settings.MAX_WAITERS)


def wait_preference(request: Request) -> int | None:
    """Return the N of `Prefer: wait=N`, at most MAX_WAIT_SECONDS; None without that preference."""
    match = _WAIT.search(request.headers.get("Prefer", ""))
    return min(int(match[1]), MAX_WAIT_SECONDS) if match else None


def wait_for_change(job: JobExecutionLog, seconds: int) -> JobExecutionLog:
    """Return the job after its next change of status, or after that time."""
    return _wait_while(JobExecutionLog.objects.filter(status=job.status, attempt=job.attempt), job, seconds)


def wait_for_end(job: JobExecutionLog, seconds: int) -> JobExecutionLog:
    """Return the job once it has ended, or after that time."""
    return _wait_while(JobExecutionLog.objects.unfinished(), job, seconds)


def _wait_while(jobs: JobQuerySet, job: JobExecutionLog, seconds: int) -> JobExecutionLog:
    """Wait while the job is among `jobs`; return it as it is then.

    Each waiting request occupies a thread of the web server. Beyond MAX_WAITERS, requests don't wait.
    """
    if not _waiters.acquire(blocking=False):
        return job
    try:
        give_up_at, interval = time.monotonic() + seconds, _FIRST_INTERVAL
        while time.monotonic() < give_up_at and jobs.filter(pk=job.pk).exists():
            time.sleep(interval)
            interval = min(_MAX_INTERVAL, interval * _INTERVAL_GROWTH)
        return JobExecutionLog.objects.with_result().get(pk=job.pk)
    finally:
        _waiters.release()


def status_response(request: Request, job: JobExecutionLog, body: Mapping[str, Any], *, waited: bool) -> Response:
    """Return 200 with the body, or 304 if the client already has it."""
    headers = status_headers(job, body)
    if waited:
        headers["Preference-Applied"] = "wait"
    if is_not_modified(request._request, headers["ETag"]):
        return Response(status=304, headers=headers)
    return Response(body, headers=headers)


def status_headers(job: JobExecutionLog, body: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers of an answer with this body."""
    # Without the estimate, which changes every second although nothing happened.
    queue = body["queue"] and {**body["queue"], "estimatedStart": None}
    digest = hashlib.sha256(json.dumps({**body, "queue": queue}).encode()).hexdigest()
    headers = {"ETag": f'W/"{digest[:32]}"', "Cache-Control": "private, no-cache", "Vary": "Prefer"}
    if not job.is_ended:
        headers["Retry-After"] = str(retry_after(job))
    return headers


def retry_after(job: JobExecutionLog) -> int:
    """Return how many seconds a client should wait before it polls again: the older the job, the longer."""
    age = (timezone.now() - job.queued_at).total_seconds()
    if age < 10:
        return 1
    return 2 if age < 60 else 5
