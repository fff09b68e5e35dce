"""Queries over users and their API keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth.models import UserManager
from django.db import models

from accounts.api_keys import KeyScope, is_key, key_id
from accounts.sql import SIGNED_IN_USER, USER_OF_KEY
from common.compiled_sql import fetch_models
from common.ids import uuid_to_db

if TYPE_CHECKING:
    from accounts.models import ApiKey, User  # noqa: F401 - in quotes below

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
        parameters = [ADMINISTRATOR, user_id, uuid_to_db(session_id)]
        return next(iter(fetch_models(self.model, SIGNED_IN_USER, parameters)), None)

    def administrators_of(self, tenant_id: int) -> models.QuerySet[User]:
        """The active users who may do everything in this tenant, without superusers."""
        return self.filter(tenant=tenant_id, is_active=True, groups__name=ADMINISTRATOR)

    def get_by_key(self, text: str) -> tuple[User | None, bool]:
        """The user of the key with this text, who has it as `key`, and whether the key may be used now.

        (None, False) if there is no such key. (user, False) if it has expired, was revoked, or its user has been
        deactivated since. Takes one query.
        """
        found: Any = next(iter(fetch_models(self.model, USER_OF_KEY, [ADMINISTRATOR, key_id(text) or ""])), None)
        if found is None or not is_key(text, found.key_digest):
            return None, False
        reports = json.loads(found.key_reports or "null")
        ids = None if reports is None else frozenset(map(UUID, reports))
        found.key = KeyScope(found.key_id, found.key_name, frozenset(json.loads(found.key_rights)), ids)
        return found, bool(found.key_is_valid)


class ApiKeys(models.QuerySet["ApiKey"]):
    """API keys."""

    def visible_to(self, user: User) -> ApiKeys:
        """The user's own keys; for Administrators, those of the tenant except superusers'; for superusers, all."""
        if user.is_superuser:
            return self
        if user.is_administrator:
            return self.filter(user__tenant=user.tenant_id, user__is_superuser=False)
        return self.filter(user=user)
