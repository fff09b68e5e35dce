"""Answers `GET /api/v1/jobs/{id}` before Django does: clients poll it, and the layers cost four times the work itself.

Only usual calls are answered here: by a caller below the rate limit, who can see the job and asks for nothing special.
Django answers all others, so that every refusal has one home. The rules are the same functions, and a test compares the
answers of both.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

from corsheaders.middleware import CorsMiddleware
from csp.middleware import CSPMiddleware
from django.core.exceptions import DisallowedHost, PermissionDenied
from django.core.handlers.wsgi import WSGIRequest
from django.core.signals import request_finished, request_started
from django.http import HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.common import CommonMiddleware
from django.middleware.security import SecurityMiddleware
from django.urls import resolve
from rest_framework.renderers import JSONRenderer

from common.conditional import is_not_modified
from common.throttling import ApiThrottle, count_call
from jobs import permissions
from jobs.api import polling
from jobs.api.job_body import job_body
from jobs.exceptions import JobNotFound
from jobs.models import JobExecutionLog
from jobs.queue import position
from reportserver.auth.authentication import BearerAuthentication
from reportserver.web.request_log import log_call, request_id

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

log = logging.getLogger(__name__)
_PATH = re.compile(r"/api/v1/jobs/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
#: Clients that wait, pages of another origin, and bodies.
_UNUSUAL = frozenset({"HTTP_PREFER", "HTTP_ORIGIN", "HTTP_TRANSFER_ENCODING"})
#: Another one may be of RFC 9457.
_USUAL_TYPES = frozenset({"", "*/*", "application/json"})
_EXAMPLE = "/api/v1/jobs/00000000-0000-0000-0000-000000000000"
#: What adds headers to every answer of the API, the innermost first.
_MIDDLEWARE = (XFrameOptionsMiddleware, CommonMiddleware, CorsMiddleware, CSPMiddleware, SecurityMiddleware)
_authentication = BearerAuthentication()
_renderer = JSONRenderer()
#: Status and headers, and the body.
_Answer = tuple[str, dict[str, str], bytes]


class StatusCalls:
    """WSGI middleware that answers usual status calls, and passes on all other requests."""

    def __init__(self, application: WSGIApplication) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        match = _PATH.fullmatch(environ["PATH_INFO"])
        if match is None or not _is_usual(environ):
            return self.application(environ, start_response)
        # They close connections to the database that are broken or too old.
        request_started.send(sender=type(self), environ=environ)
        try:
            answer = _answer(environ, match[1])
        except Exception:
            # Django answers with the right error.
            log.warning("Could not answer a status call early. Django answers it.", exc_info=True)
            answer = None
        finally:
            request_finished.send(sender=type(self))
        if answer is None:
            return self.application(environ, start_response)
        status, headers, body = answer
        start_response(status, list(headers.items()))
        return [body]


def _is_usual(environ: dict[str, Any]) -> bool:
    return (
        environ["REQUEST_METHOD"] == "GET"
        and not environ.get("QUERY_STRING")
        and environ.get("HTTP_ACCEPT", "") in _USUAL_TYPES
        and environ.get("CONTENT_LENGTH") in (None, "", "0")
        and _UNUSUAL.isdisjoint(environ)
    )


def _answer(environ: dict[str, Any], job_id: str) -> _Answer | None:
    """Return the answer, or None if Django must give it."""
    started = time.monotonic()
    user = _authentication.user_of(environ.get("HTTP_AUTHORIZATION", "").encode("latin-1"))
    constant = user and _constant_headers(environ["wsgi.url_scheme"], environ.get("HTTP_HOST", ""))
    if user is None or not constant:
        return None
    try:
        job = permissions.visible_job(user, job_id)
    except (JobNotFound, PermissionDenied):
        return None
    usage = count_call(ApiThrottle.scope, f"user:{user.pk}")
    if usage.exceeded:
        return None
    JobExecutionLog.objects.load_result(job)
    position.annotate_positions([job])
    body = job_body(job, shows_caller=user.administers(job.tenant_id))
    id = request_id(environ)
    headers = {**polling.status_headers(job, body), **constant, "X-Request-ID": id, **usage.headers()}
    known = "HTTP_IF_NONE_MATCH" in environ and is_not_modified(WSGIRequest(environ), headers["ETag"])
    answer = ("304 Not Modified", headers, b"") if known else _ok(headers, body)
    log_call(environ, id, _route(), int(answer[0][:3]), time.monotonic() - started, user=user, job_id=job_id)
    return answer


def _ok(headers: dict[str, str], body: dict[str, Any]) -> _Answer:
    content = _renderer.render(body)
    return "200 OK", {"Content-Type": _renderer.media_type, **headers, "Content-Length": str(len(content))}, content


@lru_cache(maxsize=1)
def _route() -> str:
    return resolve(_EXAMPLE).route


@lru_cache(maxsize=256)
def _constant_headers(scheme: str, host: str) -> dict[str, str]:
    """Return the headers that Django adds to such an answer; none if it gives another one, as to a forbidden host."""
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": _EXAMPLE, "wsgi.url_scheme": scheme, "HTTP_HOST": host}
    request = WSGIRequest({**environ, "wsgi.input": BytesIO()})
    view = resolve(_EXAMPLE).func.view_class()  # type: ignore[attr-defined]
    view.setup(request)
    response = HttpResponse(headers={"Allow": ", ".join(view.allowed_methods), "Vary": "Prefer"})
    handle: Any = lambda _: response  # noqa: E731
    for middleware in _MIDDLEWARE:
        handle = middleware(handle)
    try:
        answer = handle(request)
    except DisallowedHost:
        return {}
    if answer is not response:
        return {}
    return {name: value for name, value in response.items() if name not in ("Content-Type", "Content-Length")}
