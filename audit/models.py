"""The audit log: who did what to which object, and when. Append-only and chained."""

from __future__ import annotations

from datetime import datetime
from typing import NoReturn

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Tenant
from accounts.names import OPERATOR, SYSTEM, UNKNOWN
from audit.archive.models import AuditArchive
from audit.chain import GENESIS, Link
from audit.exceptions import AuditLogIsAppendOnly
from audit.querysets import AuditLogQuerySet

__all__ = ["Action", "AuditArchive", "AuditCheck", "AuditHead", "AuditLog", "AuditTally"]


class Action(models.TextChoices):
    """The recorded action. The values are part of the API; pages show the labels."""

    JOB_GENERATE = "Job Generate", _("Report requested")
    JOB_RETRY = "Job Retry", _("Job retried")
    JOB_CANCEL = "Job Cancel", _("Job cancelled")
    JOB_SUCCEEDED = "Job Succeeded", _("Job succeeded")
    JOB_FAILED = "Job Failed", _("Job failed")
    RESULT_DOWNLOAD = "Result Download", _("Result downloaded")
    ROWS_READ = "Rows Read", _("Rows of a result read")
    JOB_CONVERT = "Job Convert", _("Result converted")
    RESULT_MISSING = "Result Missing", _("Result file missing")
    RESULT_PURGE = "Result Purge", _("Result deleted")
    REPORT_CREATE = "Report Create", _("Report created")
    REPORT_UPDATE = "Report Update", _("Report updated")
    REPORT_DELETE = "Report Delete", _("Report deleted")
    REPORT_RUN = "Report Run", _("Report run by a command")
    SCHEDULE_CREATE = "Schedule Create", _("Schedule created")
    SCHEDULE_UPDATE = "Schedule Update", _("Schedule updated")
    SCHEDULE_DELETE = "Schedule Delete", _("Schedule deleted")
    SCHEDULE_PAUSE = "Schedule Pause", _("Schedule paused")
    SCHEDULE_RESUME = "Schedule Resume", _("Schedule resumed")
    SCHEDULE_TAKE_OVER = "Schedule Take Over", _("Schedule taken over")
    SUBSCRIBE = "Subscribe", _("Subscribed to a schedule")
    UNSUBSCRIBE = "Unsubscribe", _("Unsubscribed from a schedule")
    SCHEDULE_RUN = "Schedule Run", _("Schedule run now")
    SCHEDULE_BACKFILL = "Schedule Backfill", _("Schedule backfilled")
    REPORT_PREVIEW = "Report Preview", _("Report previewed")
    SOURCE_CREATE = "Source Create", _("Data source created")
    SOURCE_UPDATE = "Source Update", _("Data source changed")
    SOURCE_DELETE = "Source Delete", _("Data source deleted")
    SOURCE_TEST = "Source Test", _("Data source tested")
    SOURCE_BROWSE = "Source Browse", _("Tables of a data source read")
    FILE_UPLOAD = "File Upload", _("File uploaded")
    FILE_DELETE = "File Delete", _("Uploaded file deleted")
    DEFINITIONS_APPLY = "Definitions Apply", _("Definitions applied")
    DELIVERY_SENT = "Delivery Sent", _("Delivery sent")
    DELIVERY_FAILED = "Delivery Failed", _("Delivery failed")
    DELIVERY_RETRY = "Delivery Retry", _("Delivery retried")
    DELIVERY_RELEASE = "Delivery Release", _("Delivery released")
    DELIVERY_DISCARD = "Delivery Discard", _("Delivery discarded")
    LINK_DOWNLOAD = "Link Download", _("Result downloaded by link")
    LINK_REVOKE = "Link Revoke", _("Download link revoked")
    CONNECTION_CREATE = "Connection Create", _("Connection created")
    CONNECTION_UPDATE = "Connection Update", _("Connection updated")
    CONNECTION_DELETE = "Connection Delete", _("Connection deleted")
    CONNECTION_TEST = "Connection Test", _("Connection tested")
    SIGN_IN = "Sign In", _("Signed in")
    SIGN_OUT = "Sign Out", _("Signed out")
    SIGN_IN_FAILED = "Sign In Failed", _("Sign-in failed")
    SIGN_IN_LOCKED = "Sign In Locked", _("Sign-in locked after too many failures")
    TOKEN_REUSED = "Token Reused", _("Refresh token used twice, session ended")
    KEY_CREATE = "Key Create", _("API key created")
    KEY_REVOKE = "Key Revoke", _("API key revoked")
    KEY_REFUSED = "Key Refused", _("API key refused")
    SESSION_END = "Session End", _("Session ended")
    PASSWORD_CHANGE = "Password Change", _("Password changed")
    SECOND_FACTOR_ADD = "Second Factor Add", _("Second factor set up")
    SECOND_FACTOR_REMOVE = "Second Factor Remove", _("Second factor removed")
    RECOVERY_CODE_USED = "Recovery Code Used", _("Signed in with a recovery code")
    USER_CREATE = "User Create", _("User created")
    USER_UPDATE = "User Update", _("User changed")
    TENANT_UPDATE = "Organization Update", _("Organization changed")
    ROLE_CREATE = "Role Create", _("Role created")
    ROLE_UPDATE = "Role Update", _("Role renamed")
    ROLE_DELETE = "Role Delete", _("Role deleted")
    PROVIDER_CREATE = "Provider Create", _("Identity provider created")
    PROVIDER_UPDATE = "Provider Update", _("Identity provider changed")
    PROVIDER_DELETE = "Provider Delete", _("Identity provider deleted")
    IDENTITY_LINK = "Identity Link", _("Identity linked to user")
    IDENTITY_UNLINK = "Identity Unlink", _("Identity unlinked from user")
    HISTORY_ARCHIVE = "History Archive", _("Old jobs archived")
    AUDIT_EXPORT = "Audit Export", _("Audit log exported")
    DEPLOYMENT_ADOPT = "Deployment Adopt", _("Database adopted")
    AUDIT_ANCHOR = "Audit Anchor", _("Audit log accepted as it is")
    ADMIN_CREATE = "Admin Create", _("Created in the admin")
    ADMIN_UPDATE = "Admin Update", _("Changed in the admin")
    ADMIN_DELETE = "Admin Delete", _("Deleted in the admin")


#: Actors that are no users. Nobody can create a user with such a name.
_NO_USERS = {SYSTEM: _("(the server)"), OPERATOR: _("(a command)"), UNKNOWN: _("(not signed in)")}


class AuditLog(models.Model):
    """One entry. Names are stored as text, so an entry outlives the objects it names."""

    sequence = models.BigIntegerField(primary_key=True)
    # No database constraint, because deleting a tenant must not change its entries.
    tenant = models.ForeignKey(Tenant, on_delete=models.DO_NOTHING, null=True, db_constraint=False, related_name="+")
    timestamp = models.DateTimeField()
    actor = models.CharField(max_length=150)
    #: The user's id. None for others than users, and in entries of earlier versions.
    actor_id = models.BigIntegerField(null=True)
    action = models.CharField(max_length=50, choices=Action)
    target_type = models.CharField(max_length=50)
    target_id = models.CharField(max_length=100)
    details = models.JSONField(default=dict)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64, unique=True)

    objects = AuditLogQuerySet.as_manager()

    class Meta:
        ordering = ["-sequence"]
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        indexes = [
            models.Index(fields=["tenant", "-sequence"], name="audit_tenant"),
            models.Index(fields=["target_id", "tenant", "-sequence"], name="audit_target"),
            models.Index(fields=["tenant", "actor", "-sequence"], name="audit_tenant_actor"),
            models.Index(fields=["tenant", "action", "-sequence"], name="audit_tenant_action"),
            # For superusers, who see the entries of all tenants.
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

    @property
    def actor_note(self) -> str:
        """What tells this actor from another one with the same name: the user's id, or who it is that is no user."""
        if self.actor_id is not None:
            return f"#{self.actor_id}"
        return str(_NO_USERS.get(self.actor.partition(":")[0], ""))

    def content(self) -> dict[str, object]:
        """The hashed fields, as JSON values."""
        # Entries of earlier versions were hashed without the actor's id.
        of_actor = {} if self.actor_id is None else {"actor_id": self.actor_id}
        return of_actor | {
            "tenant": self.tenant_id,
            "timestamp": self.timestamp.isoformat(),
            "actor": self.actor,
            "action": self.action,
            "target_type": self.target_type,
            "target_id": self.target_id,
            "details": self.details,
        }

    def link(self) -> Link:
        return Link(self.sequence, self.content(), self.previous_hash, self.hash)


class AuditTally(models.Model):
    """Events of one kind that were counted and aren't in the log yet (audit.tallies)."""

    key = models.CharField(primary_key=True, max_length=64, help_text="SHA-256 of action, target and details.")
    action = models.CharField(max_length=50)
    tenant_id = models.BigIntegerField(null=True)
    target_type = models.CharField(max_length=50)
    target_id = models.CharField(max_length=100)
    details = models.JSONField()
    count = models.PositiveIntegerField(default=1)
    recorded = models.PositiveIntegerField(help_text="How many of them are in the log.")
    first_at = models.DateTimeField()
    last_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.count} times {self.action}"


class AuditHead(models.Model):
    """The end of the chain, in a single row. Writers lock it, so sequence numbers have neither gaps nor duplicates."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    sequence = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, default=GENESIS)
    seal = models.CharField(max_length=64)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="audit_one_head")]

    def __str__(self) -> str:
        return f"#{self.sequence}"


class AuditCheck(models.Model):
    """The state of the continuous verification (audit.verification), in a single row that is sealed."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    started_at = models.DateTimeField(help_text="When verification last started at the first entry.")
    sequence = models.BigIntegerField(default=0, help_text="The last entry verified since then.")
    hash = models.CharField(max_length=64, default=GENESIS, help_text="The hash of that entry.")
    verified_sequence = models.BigIntegerField(null=True, help_text="The whole log was intact up to this entry.")
    verified_at = models.DateTimeField(null=True)
    broken_sequence = models.BigIntegerField(null=True, help_text="The first entry that failed verification.")
    reason = models.CharField(max_length=200, blank=True)
    broken_at = models.DateTimeField(null=True)
    broken_on = models.CharField(max_length=200, blank=True, default="", help_text="The file of heads that shows it.")
    seal = models.CharField(max_length=64)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="audit_one_check")]

    def __str__(self) -> str:
        return f"#{self.sequence}"

    @property
    def in_progress(self) -> bool:
        """True if verification hasn't finished since it last started at the first entry."""
        return self.broken_sequence is None and (self.verified_at is None or self.verified_at < self.started_at)

    def sealed_content(self) -> dict[str, object]:
        """The sealed fields, as JSON values. Other keys would invalidate the seals of earlier versions."""
        of_host = {"broken_on": self.broken_on} if self.broken_on else {}
        return of_host | {
            "begun_at": _isoformat(self.started_at),
            "sequence": self.sequence,
            "hash": self.hash,
            "verified": self.verified_sequence,
            "verified_at": _isoformat(self.verified_at),
            "broken": self.broken_sequence,
            "reason": self.reason,
            "broken_at": _isoformat(self.broken_at),
        }


def _isoformat(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
