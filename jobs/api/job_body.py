"""The body of a job's status, made by hand: a serializer's fields take several times as long as the database.

`JobSerializer` describes it for the API's document.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.conf import settings

from jobs.models import Artifact, JobExecutionLog
from jobs.results import downloads
from jobs.status import Status


def status_url(job: JobExecutionLog) -> str:
    """Return the absolute URL of the job's status, from REPORTSERVER_PUBLIC_URL: a client can forge the Host header."""
    return f"{settings.PUBLIC_URL}/api/v1/jobs/{job.pk}"


def job_body(job: JobExecutionLog, *, shows_caller: bool = False) -> dict[str, Any]:
    """Return what the API says about the job, as JSON values.

    `shows_caller`: with the attributes of the user as whom it ran, for Administrators.
    """
    result, url = job.result, status_url(job)
    # A job queued for another attempt has a started_at, too: that of the attempt before.
    started_at = job.started_at if job.status != Status.QUEUED else None
    body = {
        "jobId": str(job.pk),
        "status": job.status,
        "startTime": _time(started_at or job.queued_at),
        "endTime": _time(job.ended_at),
        "resultUrl": f"{url}/result" if result else None,
        "errorDetails": vars(job.error) if job.error else None,
        "queuedTime": _time(job.queued_at),
        "createdBy": job.requested_by_name,
        "createdWithKey": job.key_name,
        "report": {
            "id": str(job.report_uuid),
            "slug": job.report_slug,
            "name": job.report_name,
            "version": job.version_number,
        },
        "format": job.format,
        "formats": job.formats,
        "parameters": job.parameters,
        "requestedParameters": job.sent_parameters,
        "locale": job.locale,
        "section": job.section,
        "progress": {"percent": job.percent, "rows": job.rows, "bytes": job.bytes},
        "queue": _queue(job),
        "attempt": job.attempt,
        "deliveryState": job.delivery_state or None,
        "retryOf": _id(job.retry_of_id),
        "convertedFrom": None if job.split_from else _id(job.converted_from),
        "splitFrom": _id(job.split_from),
        "ranAs": job.ran_as_name,
    }
    if shows_caller:
        body["callerAttributes"] = _caller_attributes(job)
    body["expiresAt"] = _time(result.expires_at) if result else None
    body["result"] = _result(job, result) if result else None
    body["results"] = _files(job, result, url) if result else []
    return body


def _time(time: datetime | None) -> str | None:
    return time.isoformat().replace("+00:00", "Z") if time else None


def _id(id: UUID | None) -> str | None:
    return str(id) if id else None


def _queue(job: JobExecutionLog) -> dict[str, Any] | None:
    if (queue := job.queue_position) is None:
        return None
    return {"position": queue.position, "isMore": queue.is_more, "estimatedStart": _time(queue.start)}


def _caller_attributes(job: JobExecutionLog) -> dict[str, Any] | None:
    """Return the attributes of the user as whom the job ran; None if it used none."""
    values = cast("dict[str, Any] | None", job.caller_values)
    return None if values is None else {name: each["value"] for name, each in values.items()}


def _result(job: JobExecutionLog, result: Artifact) -> dict[str, Any]:
    return {
        "filename": downloads.filename(job, job.format),
        "contentType": downloads.media_type(job.format),
        "size": result.size,
        "sha256": result.sha256,
        "rows": result.rows,
        "truncated": bool(result.truncated),
        "truncatedReason": result.truncated,
    }


def _files(job: JobExecutionLog, result: Artifact, url: str) -> list[dict[str, Any]]:
    return [
        {
            "format": file.format,
            "filename": downloads.filename(job, file.format),
            "contentType": downloads.media_type(file.format),
            "size": file.size,
            "sha256": file.sha256,
            "resultUrl": f"{url}/result?format={file.format}",
        }
        for file in result.files
    ]
