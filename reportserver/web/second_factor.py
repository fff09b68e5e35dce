"""Middleware that lets somebody whose organization requires a second factor do nothing before there is one."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect

#: Set in sessions that began without the required factor.
MISSING = "second_factor_is_missing"
#: Where to set it up or sign out. The API takes no session, apart from its documentation.
_OPEN = ("/account", "/login", "/logout", "/admin/logout/", "/static/", "/api/", "/livez", "/readyz", "/metrics")


class SecondFactorFirst:
    """Redirects from every page to the account page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith(_OPEN) and request.user.is_authenticated and request.session.get(MISSING):
            return redirect("account")
        return self.get_response(request)
