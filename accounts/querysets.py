"""Queries over users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.models import UserManager

from accounts.sql import ACTIVE_USER

if TYPE_CHECKING:
    from accounts.models import User

#: The role that may do everything in its tenant.
ADMINISTRATOR = "Administrator"
_MAX_ID = 2**63 - 1


class Users(UserManager["User"]):
    """The manager of users. A migration refers to it by this name."""

    def get_active(self, user_id: int) -> User | None:
        """The active user with this id, including whether it has the Administrator role. None if there is none."""
        if user_id > _MAX_ID:  # SQLite raises OverflowError for it, PostgreSQL DataError
            return None
        return next(iter(self.raw(ACTIVE_USER, [ADMINISTRATOR, user_id])), None)
