"""Errors of the audit log."""

from __future__ import annotations

from common.exceptions import DomainError


class AuditLogIsAppendOnly(DomainError):
    """Entries of the audit log can't be changed or deleted."""

    code = "audit_append_only"


class HeadsMissing(DomainError):
    """The file that keeps the end of the audit log outside the database is missing."""

    code = "audit_heads_missing"


class HeadsDamaged(DomainError):
    """The file that keeps the end of the audit log outside the database was changed."""

    code = "audit_heads_damaged"


class HeadsUnreadable(DomainError):
    """The file that keeps the end of the audit log outside the database can't be read."""

    code = "audit_heads_unreadable"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"The file that keeps the end of the audit log outside the database can't be read: {reason}.")
