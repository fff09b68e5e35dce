"""Middleware that logs one structured line per request, with a request id that the response carries too."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponseBase

from common.ids import parse_uuid

log = logging.getLogger("reportserver.calls")
_CLIENT_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class RequestLog:
    """Logs a request by its route, not its path, which may contain what users typed. No parameters, tokens or rows."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        client_id = request.headers.get("X-Request-ID", "")
        request.request_id = client_id if _CLIENT_ID.fullmatch(client_id) else uuid.uuid4().hex  # type: ignore[attr-defined]
        started = time.monotonic()
        response = self.get_response(request)
        seconds = time.monotonic() - started
        response["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
        if usage := getattr(request, "rate_usage", None):
            for name, value in usage.headers().items():
                response[name] = value
        if response.status_code == HTTPStatus.NOT_MODIFIED:
            # Django sets the length of the empty body. In a 304 it means the length of what the client has (RFC 9110,
            # section 8.6).
            del response["Content-Length"]
        log.info("call", extra=_fields(request, response, seconds))
        return response


def _fields(request: HttpRequest, response: HttpResponseBase, seconds: float) -> dict[str, Any]:
    match = request.resolver_match
    user = getattr(request, "user", None)
    fields = {
        "request_id": request.request_id,  # type: ignore[attr-defined]
        "call": f"{request.method} {match.route if match else '(unknown)'}",
        "status": response.status_code,
        "milliseconds": round(seconds * 1000, 1),
        "user": user.get_username() if user is not None and user.is_authenticated else None,
        "key": getattr(getattr(user, "key", None), "id", None),
        "tenant": getattr(user, "tenant_id", None),
        "address": request.META.get("REMOTE_ADDR"),
    }
    job_id = getattr(request, "job_id", None) or (match.kwargs.get("job_id") if match else None)
    # Parsed, because anything can be typed in place of an id.
    if job_id and (job_uuid := parse_uuid(str(job_id))):
        fields["job_id"] = str(job_uuid)
    return fields
