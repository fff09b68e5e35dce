"""Middleware that limits how many pages a signed-in user requests, like the calls of the API."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from common.throttling import TooManyCalls, count_call
from reportserver import error_responses

#: Calls of the API have limits of their own. Probes and files are no pages.
_NOT_PAGES = ("/api/v1/", "/livez", "/readyz", "/metrics", "/static/")


class PageLimit:
    """Answers 429 to a user with more than `REPORTSERVER_RATE_PAGE` requests in a minute."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith(_NOT_PAGES) and request.user.is_authenticated:
            usage = count_call("page", f"user:{request.user.pk}")
            request.rate_usage = usage  # type: ignore[attr-defined] # for the RateLimit headers
            if usage.exceeded:
                return error_responses.domain_error_page(request, TooManyCalls(usage))
        return self.get_response(request)
