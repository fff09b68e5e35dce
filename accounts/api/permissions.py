"""DRF permissions that depend on the caller alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import IsAuthenticated

from accounts.exceptions import ADMINISTRATORS_ONLY
from accounts.models import User

if TYPE_CHECKING:  # rest_framework.views imports the authentication class, which needs this module
    from rest_framework.request import Request
    from rest_framework.views import APIView


class IsAdministrator(IsAuthenticated):
    message = ADMINISTRATORS_ONLY

    def has_permission(self, request: Request, view: APIView) -> bool:
        user = request.user
        return super().has_permission(request, view) and isinstance(user, User) and user.is_administrator


class IsWithoutKey(IsAuthenticated):
    """For calls about people and their keys, which no key can be used for: a stolen one must not make others."""

    message = "An API key can't be used for this call."

    def has_permission(self, request: Request, view: APIView) -> bool:
        user = request.user
        if isinstance(user, User) and user.key:
            user.key.refuse()
            return False
        return super().has_permission(request, view)
