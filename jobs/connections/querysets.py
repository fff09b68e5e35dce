"""Queries for connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from common.ids import parse_uuid
from jobs.exceptions import AmbiguousConnection, ConnectionNotFound

if TYPE_CHECKING:
    from accounts.models import User
    from jobs.connections.models import Connection


class ConnectionQuerySet(models.QuerySet["Connection"]):
    def in_tenant_of(self, user: User) -> ConnectionQuerySet:
        """Return the connections of the user's tenant; of all tenants for a superuser."""
        return self if user.is_superuser else self.filter(Q(tenant_id=user.tenant_id))

    def usable_by(self, user: User) -> ConnectionQuerySet:
        """Return the connections that the user may let schedules send to now: granted by role or by name.

        An Administrator may use all of the tenant.
        """
        if not user.is_active:
            return self.none()
        in_tenant = self.in_tenant_of(user)
        if user.is_administrator_without_key:
            return in_tenant
        return in_tenant.filter(Q(users=user) | Q(roles__user=user)).distinct()

    def find(self, user: User, key: str) -> Connection:
        """Return the connection with this id or slug in the user's tenant.

        Raises ConnectionNotFound; AmbiguousConnection for a superuser, when several tenants use the slug.
        """
        uuid = parse_uuid(key)
        # No database takes half a surrogate pair, and PostgreSQL no NUL (%00 in a URL). No slug has a space.
        slug = key if key.isascii() and "\0" not in key else " "
        connections = self.in_tenant_of(user).select_related("tenant")
        found = list(connections.filter(pk=uuid) if uuid else connections.filter(slug=slug)[:2])
        if not found:
            raise ConnectionNotFound
        if len(found) > 1:
            raise AmbiguousConnection
        return found[0]
