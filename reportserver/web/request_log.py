"""Middleware that logs one structured line per request, with a request id that the response carries too."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponseBase

from common.api import tracing
from common.ids import parse_uuid

log = logging.getLogger("reportserver.calls")
_CLIENT_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class RequestLog:
    """Logs a request by its route, not its path, which may contain what users typed. No parameters, tokens or rows."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.request_id = request_id(request.META)  # type: ignore[attr-defined]
        started = time.monotonic()
        trace = tracing.current.set(tracing.parse_traceparent(request.META.get("HTTP_TRACEPARENT", "")))
        try:
            response = self.get_response(request)
        finally:
            tracing.current.reset(trace)
        seconds = time.monotonic() - started
        response["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
        if usage := getattr(request, "rate_usage", None):
            for name, value in usage.headers().items():
                response[name] = value
        if response.status_code == HTTPStatus.NOT_MODIFIED:
            # Django sets the length of the empty body. In a 304 it means the length of what the client has (RFC 9110,
            # section 8.6).
            del response["Content-Length"]
        match = request.resolver_match
        log_call(
            request.META,
            request.request_id,  # type: ignore[attr-defined]
            match.route if match else "(unknown)",
            response.status_code,
            seconds,
            user=getattr(request, "user", None),
            job_id=getattr(request, "job_id", None) or (match.kwargs.get("job_id") if match else None),
        )
        return response


def request_id(environ: Mapping[str, Any]) -> str:
    """The id that the client gave the request, or a new one."""
    client_id = environ.get("HTTP_X_REQUEST_ID", "")
    return client_id if _CLIENT_ID.fullmatch(client_id) else uuid.uuid4().hex


def log_call(
    environ: Mapping[str, Any], request_id: str, route: str, status: int, seconds: float, *, user: Any, job_id: object
) -> None:
    """Write the line of one request."""
    trace = tracing.parse_traceparent(environ.get("HTTP_TRACEPARENT", ""))
    fields = {
        "request_id": request_id,
        "trace_id": trace and trace.trace_id,
        "call": f"{environ['REQUEST_METHOD']} {route}",
        "status": status,
        "milliseconds": round(seconds * 1000, 1),
        "user": user.get_username() if user is not None and user.is_authenticated else None,
        "key": getattr(getattr(user, "key", None), "id", None),
        "tenant": getattr(user, "tenant_id", None),
        "address": environ.get("REMOTE_ADDR"),
    }
    # Parsed, because anything can be typed in place of an id.
    if job_id and (job_uuid := parse_uuid(str(job_id))):
        fields["job_id"] = str(job_uuid)
    log.info("call", extra=fields)
