"""DRF permissions that depend on a role alone."""

from __future__ import annotations

from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.models import User


class IsAdministrator(IsAuthenticated):
    message = "Only an Administrator can do this."

    def has_permission(self, request: Request, view: APIView) -> bool:
        user = request.user
        return super().has_permission(request, view) and isinstance(user, User) and user.is_administrator
