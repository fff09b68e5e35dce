"""The stock admin, open to Administrators too."""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.http import HttpRequest

from accounts.models import User


class Site(AdminSite):
    """What a person may see and change there follows from the permissions on each model."""

    site_header = site_title = "Report server"

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        return super().has_permission(request) or (isinstance(user, User) and user.is_administrator)
