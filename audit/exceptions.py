"""Errors of the audit log."""

from __future__ import annotations

from common.exceptions import DomainError


class AuditLogIsAppendOnly(DomainError):
    """Entries of the audit log can't be changed or deleted."""

    code = "audit_append_only"
