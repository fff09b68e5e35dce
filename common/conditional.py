"""Conditional requests (RFC 9110, section 13)."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.cache import get_conditional_response


def is_not_modified(request: HttpRequest, etag: str) -> bool:
    """True if the client already has what the ETag names, so the answer to this GET or HEAD is 304.

    Django decides; the caller makes the answer, because Django's 304 drops headers that our clients need on it, such
    as Retry-After.
    """
    if request.method not in ("GET", "HEAD"):
        return False
    response = get_conditional_response(request, etag=etag)
    return response is not None and response.status_code == 304
