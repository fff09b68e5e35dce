"""Middleware for the HTML pages."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from common.exceptions import DomainError
from jobs.deployment import was_suspended
from reportserver import error_responses


class Pages:
    """Shows a DomainError as a page, and keeps pages out of caches."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if not request.path.startswith("/api/"):
            response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return error_responses.domain_error_page(request, error) if isinstance(error, DomainError) else None


def suspension(request: HttpRequest) -> dict[str, object]:
    """Context processor: whether to say that schedules and deliveries are suspended."""
    return {"is_suspended": was_suspended}
