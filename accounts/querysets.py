"""Queries over users."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib.auth.models import UserManager

from accounts.sql import SIGNED_IN_USER
from common.ids import uuid_to_db

if TYPE_CHECKING:
    from accounts.models import User

#: The role that may do everything in its tenant.
ADMINISTRATOR = "Administrator"
_MAX_ID = 2**63 - 1


class Users(UserManager["User"]):
    """The manager of users. A migration refers to it by this name."""

    def get_signed_in(self, user_id: int, session_id: UUID) -> User | None:
        """The active user with this id, including whether it has the Administrator role.

        None if there is none, or if it has no such API session or has ended it.
        """
        if user_id > _MAX_ID:  # SQLite raises OverflowError for it, PostgreSQL DataError
            return None
        return next(iter(self.raw(SIGNED_IN_USER, [ADMINISTRATOR, user_id, uuid_to_db(session_id)])), None)
