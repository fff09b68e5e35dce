"""Typed access to the request of a page: its user, and whether htmx sent it."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from accounts.models import User


class HtmxHttpRequest(HttpRequest):
    """A request as django_htmx's middleware hands it to views; `htmx` is false unless htmx sent the request."""

    htmx: HtmxDetails


def caller(request: HttpRequest) -> User:
    """Return the user of a request to a view that requires sign-in."""
    user: Any = request.user
    return user  # type: ignore[no-any-return]


def require_administrator(request: HttpRequest) -> User:
    """The caller. Raises PermissionDenied unless it is an Administrator."""
    user = caller(request)
    if not user.is_administrator:
        raise PermissionDenied
    return user
