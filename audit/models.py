"""The audit log: who did what to what, when; append-only and chained."""

from __future__ import annotations

from typing import NoReturn

from django.db import models

from accounts.models import Tenant
from audit.chain import GENESIS, Link
from audit.exceptions import AuditLogIsAppendOnly
from audit.querysets import AuditLogQuerySet


class Action(models.TextChoices):
    """Everything that leaves an entry."""

    JOB_GENERATE = "Job Generate"
    JOB_RETRY = "Job Retry"
    JOB_CANCEL = "Job Cancel"
    JOB_SUCCEEDED = "Job Succeeded"
    JOB_FAILED = "Job Failed"
    RESULT_DOWNLOAD = "Result Download"
    RESULT_MISSING = "Result Missing"
    RESULT_PURGE = "Result Purge"
    REPORT_CREATE = "Report Create"
    REPORT_UPDATE = "Report Update"
    REPORT_DELETE = "Report Delete"
    REPORT_RUN = "Report Run"
    REPORT_PREVIEW = "Report Preview"
    DEFINITIONS_APPLY = "Definitions Apply"
    DELIVERY_SENT = "Delivery Sent"
    DELIVERY_FAILED = "Delivery Failed"
    DELIVERY_RETRY = "Delivery Retry"
    SIGN_IN = "Sign In"
    SIGN_OUT = "Sign Out"
    AUDIT_EXPORT = "Audit Export"
    ADMIN_CREATE = "Admin Create"
    ADMIN_UPDATE = "Admin Update"
    ADMIN_DELETE = "Admin Delete"


class AuditLog(models.Model):
    """One entry. Names are kept as text, so that an entry outlives what it speaks of."""

    sequence = models.BigIntegerField(primary_key=True)
    # No database constraint: deleting a tenant must not need a change of its entries.
    tenant = models.ForeignKey(Tenant, on_delete=models.DO_NOTHING, null=True, db_constraint=False, related_name="+")
    timestamp = models.DateTimeField()
    actor = models.CharField(max_length=150)
    action = models.CharField(max_length=50, choices=Action)
    target_type = models.CharField(max_length=50)
    target_id = models.CharField(max_length=100)
    details = models.JSONField(default=dict)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64, unique=True)

    objects = AuditLogQuerySet.as_manager()

    class Meta:
        ordering = ["-sequence"]
        verbose_name = "audit entry"
        verbose_name_plural = "audit log"
        indexes = [
            models.Index(fields=["tenant", "-sequence"], name="audit_tenant"),
            models.Index(fields=["target_id", "tenant", "-sequence"], name="audit_target"),
            models.Index(fields=["tenant", "actor", "-sequence"], name="audit_tenant_actor"),
            models.Index(fields=["tenant", "action", "-sequence"], name="audit_tenant_action"),
            # For superusers, who ask for the entries of all tenants.
            models.Index(fields=["actor", "-sequence"], name="audit_actor"),
            models.Index(fields=["action", "-sequence"], name="audit_action"),
            models.Index(fields=["timestamp"], name="audit_timestamp"),
        ]
        constraints = [models.CheckConstraint(condition=models.Q(sequence__gte=1), name="audit_sequence_positive")]

    def __str__(self) -> str:
        return f"#{self.sequence} {self.actor}: {self.action}"

    def save(self, *args: object, **kwargs: object) -> None:
        if not self._state.adding:
            raise AuditLogIsAppendOnly
        super().save(force_insert=True)

    def delete(self, *args: object, **kwargs: object) -> NoReturn:
        raise AuditLogIsAppendOnly

    def content(self) -> dict[str, object]:
        """What the hash covers, as plain JSON values."""
        return {
            "tenant": self.tenant_id,
            "timestamp": self.timestamp.isoformat(),
            "actor": self.actor,
            "action": self.action,
            "target_type": self.target_type,
            "target_id": self.target_id,
            "details": self.details,
        }

    def link(self) -> Link:
        """This entry as a link of the chain."""
        return Link(self.sequence, self.content(), self.previous_hash, self.hash)


class AuditHead(models.Model):
    """The one row that says where the chain ends. Writers lock it, so entries have no gaps and no twins."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    sequence = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, default=GENESIS)
    seal = models.CharField(max_length=64)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="audit_one_head")]

    def __str__(self) -> str:
        return f"#{self.sequence}"


class AuditCheck(models.Model):
    """What the standing check of the chain (audit.verification) knows; one row, sealed against writing by others."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    begun_at = models.DateTimeField(help_text="When the check last began at the first entry.")
    sequence = models.BigIntegerField(default=0, help_text="How far it has come since.")
    hash = models.CharField(max_length=64, default=GENESIS)
    verified = models.BigIntegerField(null=True, help_text="Up to which entry the whole log held.")
    verified_at = models.DateTimeField(null=True)
    broken = models.BigIntegerField(null=True, help_text="The first entry that does not hold.")
    reason = models.CharField(max_length=200, blank=True)
    broken_at = models.DateTimeField(null=True)
    seal = models.CharField(max_length=64)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="audit_one_check")]

    def __str__(self) -> str:
        return f"#{self.sequence}"

    def note(self) -> dict[str, object]:
        """What the seal covers, as plain JSON values."""
        moments = {name: getattr(self, name) for name in ("begun_at", "verified_at", "broken_at")}
        texts = {name: at.isoformat() if at else None for name, at in moments.items()}
        names = ("sequence", "hash", "verified", "broken", "reason")
        return {**texts, **{name: getattr(self, name) for name in names}}
