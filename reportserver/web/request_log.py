"""One structured log line per call, with a request id that the answer carries too."""

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
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class RequestLog:
    """Names the call by its route, not its path: paths may hold what people typed. No parameter, token or row."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        request.request_id = given if _GIVEN_ID.fullmatch(given) else uuid.uuid4().hex  # type: ignore[attr-defined]
        started = time.monotonic()
        response = self.get_response(request)
        _complete(response, request)
        log.info("call", extra=_fields(request, response, time.monotonic() - started))
        return response


def _complete(response: HttpResponseBase, request: HttpRequest) -> None:
    response["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
    if counted := getattr(request, "rate_count", None):
        for name, value in counted.headers().items():
            response[name] = value
    if response.status_code == HTTPStatus.NOT_MODIFIED:
        # Django tells the length of the empty body; here it would be that of what the client has (RFC 9110, 8.6).
        del response["Content-Length"]


def _fields(request: HttpRequest, response: HttpResponseBase, seconds: float) -> dict[str, Any]:
    match = request.resolver_match
    user = getattr(request, "user", None)
    fields = {
        "request_id": request.request_id,  # type: ignore[attr-defined]
        "call": f"{request.method} {match.route if match else '(unknown)'}",
        "status": response.status_code,
        "milliseconds": round(seconds * 1000, 1),
        "user": user.get_username() if user is not None and user.is_authenticated else None,
        "tenant": getattr(user, "tenant_id", None),
    }
    named = getattr(request, "job_id", None) or (match.kwargs.get("job_id") if match else None)
    # What somebody typed in place of an id stays out of the log.
    if named and (job_id := parse_uuid(str(named))):
        fields["job_id"] = str(job_id)
    return fields
