"""Queries over users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.models import Group, UserManager
from django.db.models import Exists, OuterRef

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from accounts.models import User

ADMINISTRATOR = "Administrator"


class Users(UserManager["User"]):
    """The manager of users."""

    def with_roles(self) -> QuerySet[User]:
        """Users with their tenant and whether they are Administrators, in one query."""
        roles = Group.objects.filter(name=ADMINISTRATOR, user=OuterRef("pk"))
        return self.select_related("tenant").annotate(has_administrator_role=Exists(roles))
