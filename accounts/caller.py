"""Who calls."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from accounts.models import User


def caller(request: HttpRequest) -> User:
    """The user of a request that a view behind the sign-in got."""
    user: Any = request.user
    return user  # type: ignore[no-any-return]
