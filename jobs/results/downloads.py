"""Downloads of results, for the API and for pages."""

from __future__ import annotations

import base64
import logging
import os
from contextlib import ExitStack
from typing import BinaryIO
from urllib.parse import quote

from django.db import transaction
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.http import http_date
from django.utils.text import slugify

from accounts.models import User
from accounts.names import UNKNOWN
from audit import actions as audit
from audit.models import Action
from common.conditional import is_not_modified
from jobs.exceptions import (
    JobNotFound,
    RangeNotSatisfiable,
    ResultMissing,
    ResultNotReady,
    ResultOfFailedJob,
    ResultPurged,
)
from jobs.models import Artifact, JobExecutionLog
from jobs.results import download_slots, http_range
from jobs.results.caller_binding import check_caller_unchanged
from jobs.results.opening import open_result
from jobs.results.publishing import StoredFile
from jobs.status import Status
from reports.exceptions import InvalidParameters
from reports.rendering import RENDERERS

log = logging.getLogger(__name__)
#: Bytes read at once where the web server can't use sendfile(2).
_BLOCK_BYTES = 262_144
#: In place of a user, for downloads of people without an account.
_LINKS = "links"


def result_response(
    request: HttpRequest, job: JobExecutionLog, actor: User, *, format: str | None = None
) -> HttpResponseBase:
    """Return the response to a download by a user with access to the result: the file, a range of it, 304, or headers.

    Without `format`, the query string can name one; by default, it is the first. Raises ResultNotReady,
    ResultOfFailedJob, JobNotFound, InvalidParameters, ResultMissing, StorageUnavailable, RangeNotSatisfiable,
    TooManyDownloads or CallerAttributesChanged.
    """
    artifact = downloadable_artifact(job, actor)
    chosen = _chosen_file(artifact, format or request.GET.get("format"))
    etag = f'"{chosen.sha256}"'
    with ExitStack() as stack:
        # Opened first because 304 and HEAD, too, state that the published file is there.
        file = stack.enter_context(_open(job, artifact, chosen, actor))
        if is_not_modified(request, etag):
            return _with_headers(HttpResponse(status=304), job, chosen, length=None)
        if request.method == "HEAD":
            return _with_headers(HttpResponse(), job, chosen, length=chosen.size)
        byte_range = _requested_range(request, chosen.size, etag)
        slot = download_slots.acquire(actor.pk)
        stack.callback(os.close, slot)
        _audit(Action.RESULT_DOWNLOAD, job, actor, format=chosen.format)
        stack.pop_all()  # From here on the response closes the file and frees the slot.
    sent = byte_range or http_range.ByteRange(0, chosen.size)
    response = FileResponse(http_range.slice_of(file, sent, [slot]), status=206 if byte_range else 200)
    response.block_size = _BLOCK_BYTES
    if byte_range:
        response["Content-Range"] = f"bytes {byte_range.start}-{byte_range.stop - 1}/{chosen.size}"
    return _with_headers(response, job, chosen, length=sent.length)


def file_of_link(job: JobExecutionLog, format: str | None) -> tuple[HttpResponseBase, str]:
    """Return the response with one of the files, and its format, for somebody who has a link and perhaps no account.

    All of them share the slots of one user. Raises InvalidParameters, JobNotFound, ResultMissing, StorageUnavailable or
    TooManyDownloads. The caller checks the link and audits the download.
    """
    chosen = _chosen_file(job.artifact, format)
    with ExitStack() as stack:
        file = stack.enter_context(_open(job, job.artifact, chosen, UNKNOWN))
        slot = download_slots.acquire(_LINKS)
        stack.pop_all()
    response = FileResponse(http_range.slice_of(file, http_range.ByteRange(0, chosen.size), [slot]))
    response.block_size = _BLOCK_BYTES
    return _with_headers(response, job, chosen, length=chosen.size), chosen.format


def downloadable_artifact(job: JobExecutionLog, actor: User) -> Artifact:
    """Return the result of a job that the actor can see. Everything of a result is read through this.

    Raise CallerAttributesChanged, ResultNotReady, ResultOfFailedJob or, once it is purged, JobNotFound.
    """
    check_caller_unchanged(job, actor)
    if job.status == Status.FAILED:
        raise ResultOfFailedJob(job.status)
    if not job.is_ended:
        raise ResultNotReady(job.status)
    if job.result is None:
        raise JobNotFound(job.pk)
    return job.result


def first_bytes(job: JobExecutionLog, actor: User, number: int) -> bytes:
    """Return the start of the first file. Audited as a download, since data is read."""
    artifact = downloadable_artifact(job, actor)
    first = artifact.files[0]
    with _open(job, artifact, first, actor) as file:
        data = file.read(number)
    _audit(Action.RESULT_DOWNLOAD, job, actor, format=first.format)
    return data


def filename(job: JobExecutionLog, format: str) -> str:
    """Return the name under which a browser saves the file: report, time of the job, extension."""
    return f"{job.report_name} {job.queued_at:%Y-%m-%d %H%M}.{RENDERERS[format].extension}"


def media_type(format: str) -> str:
    return RENDERERS[format].media_type


def content_disposition(name: str) -> str:
    """Return the header's value, with an ASCII name and, if they differ, the real one (RFC 6266, RFC 8187).

    Django's content_disposition_header omits the ASCII name, which old clients need.
    """
    stem, _, extension = name.rpartition(".")
    ascii_name = f"{slugify(stem) or 'report'}.{extension}"
    extended = "" if ascii_name == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'attachment; filename="{ascii_name}"{extended}'


def _chosen_file(artifact: Artifact, format: str | None) -> StoredFile:
    files = {file.format: file for file in artifact.files}
    if format is None:
        return artifact.files[0]
    if format not in files:
        raise InvalidParameters({"format": [f"Must be one of: {', '.join(files)}."]})
    return files[format]


def _open(job: JobExecutionLog, artifact: Artifact, file: StoredFile, actor: User | str) -> BinaryIO:
    try:
        return open_result(job, artifact, file)
    except ResultPurged:
        raise JobNotFound(job.pk) from None
    except ResultMissing:
        log.critical("The result file of job %s is missing or was changed.", job.pk)
        _audit(Action.RESULT_MISSING, job, actor, format=file.format)
        raise


def _requested_range(request: HttpRequest, size: int, etag: str) -> http_range.ByteRange | None:
    """Return the range to send; None for the whole file."""
    if_range = request.headers.get("If-Range")
    # A weak ETag or a date in If-Range never matches a strong ETag (RFC 9110, section 13.1.5).
    if request.method != "GET" or (if_range and if_range.strip() != etag):
        return None
    try:
        return http_range.parse(request.headers.get("Range"), size)
    except http_range.RangeUnsatisfiable:
        raise RangeNotSatisfiable(size) from None


def _with_headers(
    response: HttpResponseBase, job: JobExecutionLog, file: StoredFile, length: int | None
) -> HttpResponseBase:
    digest = base64.b64encode(bytes.fromhex(file.sha256)).decode()
    headers = {
        "Content-Type": media_type(file.format),
        "Content-Disposition": content_disposition(filename(job, file.format)),
        "ETag": f'"{file.sha256}"',
        "Repr-Digest": f"sha-256=:{digest}:",
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
        # A result may be HTML. Opened in a browser, it must not act with the user's session.
        "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    }
    if job.ended_at:
        headers["Last-Modified"] = http_date(job.ended_at.timestamp())
    if length is not None:
        headers["Content-Length"] = str(length)
    for name, value in headers.items():
        response.headers[name] = value
    return response


def _audit(action: Action, job: JobExecutionLog, actor: User | str, *, format: str) -> None:
    with transaction.atomic():
        audit.record(action, actor=actor, tenant_id=job.tenant_id, target=("job", job.pk), details={"format": format})
