"""Queries over users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.models import UserManager

if TYPE_CHECKING:
    from accounts.models import User

ADMINISTRATOR = "Administrator"
_LARGEST_ID = 2**63 - 1

# Written by hand, as every call of the API asks it: Django needs five times as long to put such a statement together
# as the database needs to answer it.
_CALLER = """
    select accounts_user.*, exists (
        select 1 from accounts_user_groups
        join auth_group on auth_group.id = accounts_user_groups.group_id
        where accounts_user_groups.user_id = accounts_user.id and auth_group.name = %s
    ) as has_administrator_role
    from accounts_user where accounts_user.id = %s and accounts_user.is_active
"""


class Users(UserManager["User"]):
    """The manager of users."""

    def get_active(self, user_id: int) -> User | None:
        """The active user of this id, with whether it has the Administrator role; None when there is none."""
        if user_id > _LARGEST_ID:  # which no database can be asked for
            return None
        return next(iter(self.raw(_CALLER, [ADMINISTRATOR, user_id])), None)
