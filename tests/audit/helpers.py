"""Writing entries, and tampering with them."""

from __future__ import annotations

from django.db import connection, transaction

from accounts.models import User
from audit import actions as audit
from audit.models import Action, AuditLog

DROP_TRIGGERS = {
    "sqlite": ("drop trigger audit_no_update", "drop trigger audit_no_delete"),
    "postgresql": ("drop trigger audit_no_change on audit_auditlog",),
}


def record(user: User, action: Action = Action.JOB_GENERATE, **details: object) -> AuditLog:
    with transaction.atomic():
        return audit.record(action, actor=user, tenant_id=user.tenant_id, target=("user", user.pk), details=details)


def tamper(statement: str) -> None:
    """Run the statement like somebody who has the database's password: without the triggers."""
    with connection.cursor() as cursor:
        for drop in DROP_TRIGGERS[connection.vendor]:
            cursor.execute(drop)
        cursor.execute(statement)
