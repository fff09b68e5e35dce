"""Handing out a result, to the API and to the pages alike."""

from __future__ import annotations

import base64
import logging
from contextlib import ExitStack
from typing import BinaryIO
from urllib.parse import quote

from django.db import transaction
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.http import http_date
from django.utils.text import slugify

from accounts.models import User
from audit import actions as audit
from audit.models import Action
from jobs.exceptions import JobNotFound, RangeNotSatisfiable, ResultMissing, ResultNotReady, ResultOfFailedJob
from jobs.models import Artifact, JobExecutionLog
from jobs.results import http_range, storage
from jobs.results.etags import has_it
from jobs.status import Status
from reports.rendering import RENDERERS

log = logging.getLogger(__name__)
_BLOCK_BYTES = 262_144


def result_response(request: HttpRequest, job: JobExecutionLog, actor: User) -> HttpResponseBase:
    """The file, a part of it, or 304, once the caller's right is settled. Raises what stands in the way.

    The file is looked at first: that it is the one that was written is said by 304 and by HEAD, too.
    """
    artifact = downloadable_artifact(job)
    etag = f'"{artifact.sha256}"'
    with ExitStack() as unless_sent:
        file = unless_sent.enter_context(_opened(job, artifact, actor))
        if request.method != "POST" and has_it(request.headers.get("If-None-Match"), etag):
            return _described(HttpResponse(status=304), job, artifact, length=None)
        if request.method == "HEAD":
            return _described(HttpResponse(), job, artifact, length=artifact.size)
        part = _asked_part(request, artifact, etag)
        _record(Action.RESULT_DOWNLOAD, job, actor)
        unless_sent.pop_all()
    return _sent(file, job, artifact, part)


def downloadable_artifact(job: JobExecutionLog) -> Artifact:
    """The job's result; ResultNotReady, ResultOfFailedJob, or JobNotFound once retention has removed it."""
    if job.status == Status.FAILED:
        raise ResultOfFailedJob(job.status)
    if not job.is_ended:
        raise ResultNotReady(job.status)
    if job.result is None:
        raise JobNotFound(job.pk)
    return job.result


def first_bytes(job: JobExecutionLog, actor: User, number: int) -> bytes:
    """The beginning of the file; in the audit log that is a download too, since data is read."""
    with _opened(job, downloadable_artifact(job), actor) as file:
        head = file.read(number)
    _record(Action.RESULT_DOWNLOAD, job, actor)
    return head


def filename(job: JobExecutionLog) -> str:
    """What a browser should call the file: report, time of the job, extension."""
    return f"{job.report_name} {job.queued_at:%Y-%m-%d %H%M}.{RENDERERS[job.format].extension}"


def media_type(job: JobExecutionLog) -> str:
    return RENDERERS[job.format].media_type


def _asked_part(request: HttpRequest, artifact: Artifact, etag: str) -> http_range.ByteRange | None:
    condition = request.headers.get("If-Range")
    if request.method != "GET" or (condition and condition.strip() != etag):
        return None
    try:
        return http_range.parse(request.headers.get("Range"), artifact.size)
    except http_range.RangeUnsatisfiable:
        raise RangeNotSatisfiable(artifact.size) from None


def _sent(
    file: BinaryIO, job: JobExecutionLog, artifact: Artifact, part: http_range.ByteRange | None
) -> HttpResponseBase:
    sent = part or http_range.ByteRange(0, artifact.size)
    response = FileResponse(http_range.FileSlice(file, sent), status=206 if part else 200)
    response.block_size = _BLOCK_BYTES
    if part:
        response["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{artifact.size}"
    return _described(response, job, artifact, length=sent.length)


def _opened(job: JobExecutionLog, artifact: Artifact, actor: User) -> BinaryIO:
    path = storage.result_path(job.pk, artifact.fence, RENDERERS[job.format].extension)
    try:
        return storage.open_verified(path, size=artifact.size, sha256=artifact.sha256, stamp=artifact.stamp)
    except ResultMissing:
        _report_missing(job, actor)
        raise


def _described(
    response: HttpResponseBase, job: JobExecutionLog, artifact: Artifact, length: int | None
) -> HttpResponseBase:
    digest = base64.b64encode(bytes.fromhex(artifact.sha256)).decode()
    headers = {
        "Content-Type": media_type(job),
        "Content-Disposition": disposition(filename(job)),
        "ETag": f'"{artifact.sha256}"',
        "Repr-Digest": f"sha-256=:{digest}:",
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
        # A result may be HTML: opened in a browser, it must not act with the session of this origin.
        "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    }
    if job.ended_at:
        headers["Last-Modified"] = http_date(job.ended_at.timestamp())
    if length is not None:
        headers["Content-Length"] = str(length)
    for name, value in headers.items():
        response.headers[name] = value
    return response


def disposition(name: str) -> str:
    """Content-Disposition with an ASCII name and, where that differs, the real one (RFC 6266, RFC 8187)."""
    stem, _, extension = name.rpartition(".")
    plain = f"{slugify(stem) or 'report'}.{extension}"
    extended = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'attachment; filename="{plain}"{extended}'


def _report_missing(job: JobExecutionLog, actor: User) -> None:
    log.critical("The result file of job %s is missing or is not the file that was written.", job.pk)
    _record(Action.RESULT_MISSING, job, actor)


def _record(action: Action, job: JobExecutionLog, actor: User) -> None:
    with transaction.atomic():
        audit.record(action, actor=actor, tenant_id=job.tenant_id, target=("job", job.pk))
