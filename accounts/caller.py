"""The user who sent a request."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from accounts.models import User


def caller(request: HttpRequest) -> User:
    """The user of a request whose view requires a sign-in."""
    user: Any = request.user
    return user  # type: ignore[no-any-return]


def require_administrator(request: HttpRequest) -> User:
    """The caller. Raises PermissionDenied unless it is an Administrator."""
    user = caller(request)
    if not user.is_administrator:
        raise PermissionDenied
    return user
