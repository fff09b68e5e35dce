"""Queries over the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from django.db import models

from audit.exceptions import AuditLogIsAppendOnly

if TYPE_CHECKING:
    from accounts.models import User
    from audit.models import AuditLog  # noqa: F401 - named in the base class


class AuditLogQuerySet(models.QuerySet["AuditLog"]):
    """Entries, which can only be added."""

    def visible_to(self, user: User) -> AuditLogQuerySet:
        """All entries for a superuser, those of their tenant for Administrators, none for others."""
        if not user.is_administrator:
            return self.none()
        return self if user.is_superuser else self.filter(models.Q(tenant_id=user.tenant_id))

    def update(self, **kwargs: object) -> NoReturn:
        raise AuditLogIsAppendOnly

    def delete(self) -> NoReturn:
        raise AuditLogIsAppendOnly
