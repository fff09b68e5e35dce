"""One requested run of a report: the job, its timeline, its result file, and the hosts that work."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection, models
from django.db.models import F, Q

from accounts.models import Tenant
from jobs.querysets import JobQuerySet, WorkerHostQuerySet
from jobs.queue.admission import Admission
from jobs.status import ENDED, UNFINISHED, Status
from reports.models import DeliveryTarget, ReportConfiguration, ReportVersion


@dataclass(frozen=True)
class QueuePosition:
    """Where a queued job stands: `position` 1 is next, `is_more` that many or more. `start` is an estimate; None while
    no worker is alive."""

    position: int
    is_more: bool
    start: datetime | None


@dataclass(frozen=True)
class JobError:
    """Why a job failed, as its requester may know it. `retryable`: the same request may succeed later."""

    code: str
    message: str
    retryable: bool
    attempts: int


class JobExecutionLog(models.Model):
    """One job. This row is the truth about it; messages in the queue only say that there may be work.

    `fence` grows with every claim and every release: a worker whose fence is not the row's has lost the job.
    Names and numbers of the report are copied, so that the row outlives it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Three foreign keys without an index of their own: a longer one below begins with each.
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="jobs", db_index=False)
    report = models.ForeignKey(
        ReportConfiguration, on_delete=models.SET_NULL, null=True, related_name="jobs", db_index=False
    )
    version = models.ForeignKey(ReportVersion, on_delete=models.SET_NULL, null=True, related_name="jobs")
    report_uuid = models.UUIDField()
    report_slug = models.CharField(max_length=100)
    report_name = models.CharField(max_length=200)
    version_number = models.PositiveIntegerField()
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="jobs", db_index=False
    )
    requested_by_name = models.CharField(max_length=150)
    parameters = models.JSONField(default=dict)
    format = models.CharField(max_length=20)
    retry_of = models.OneToOneField("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="retried_as")
    idempotency_key = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001 - unique where given
    request_fingerprint = models.CharField(max_length=64, blank=True)

    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    priority = models.SmallIntegerField(default=100, help_text="Lower goes first.")
    turn = models.PositiveBigIntegerField(
        default=0, help_text="Among jobs of one priority, lower goes first: people and tenants take turns."
    )
    concurrency_key = models.UUIDField(
        null=True, help_text="The report's id, where it limits how many of it run at once."
    )
    queued_at = models.DateTimeField()
    available_at = models.DateTimeField(help_text="Not claimed before this time.")
    started_at = models.DateTimeField(null=True, help_text="When the last attempt began.")
    ended_at = models.DateTimeField(null=True)
    attempt = models.PositiveSmallIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField()
    timeout_seconds = models.PositiveIntegerField()

    fence = models.PositiveBigIntegerField(default=0)
    owner = models.CharField(max_length=32, blank=True, help_text="The worker process that has the lease.")
    host = models.CharField(max_length=255, blank=True)
    pid = models.PositiveIntegerField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    lease_expires_at = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    cancel_requested_by = models.CharField(max_length=150, blank=True)
    notified_at = models.DateTimeField(null=True, help_text="When the queue was last told of it.")

    rows = models.PositiveBigIntegerField(default=0)
    bytes = models.PositiveBigIntegerField(default=0)
    percent = models.PositiveSmallIntegerField(null=True)

    error_code = models.CharField(max_length=50, blank=True)
    error_message = models.TextField(blank=True)
    error_retryable = models.BooleanField(default=False)
    error_trace = models.TextField(blank=True, help_text="For Administrators only.")
    error_fingerprint = models.CharField(max_length=16, blank=True)

    objects = JobQuerySet.as_manager()
    #: Set by jobs.queue.position while it is Queued.
    place: QueuePosition | None = None

    class Meta:
        ordering = ["-queued_at", "-id"]
        verbose_name = "job"
        indexes = [
            # With what rights and searches ask about, so that the rows of what nobody may see are not read.
            models.Index(fields=["tenant", "-queued_at", "-id", "report", "requested_by"], name="job_newest"),
            models.Index(fields=["tenant", "status", "-queued_at", "-id"], name="job_newest_of_status"),
            # With the tenant too, which a report and a person imply: SQLite goes by how many columns are given, and
            # would walk through all of the tenant's jobs to find those of a rare report.
            models.Index(fields=["report", "tenant", "-queued_at", "-id"], name="job_newest_of_report"),
            models.Index(fields=["report", "status", "tenant", "-queued_at", "-id"], name="job_of_report_and_status"),
            # With the report: people see their own jobs of some reports only.
            models.Index(fields=["requested_by", "tenant", "-queued_at", "-id", "report"], name="job_newest_of_person"),
            # How the own jobs of each report go, which may be a few among very many.
            models.Index(fields=["requested_by", "report", "tenant", "-queued_at", "-id"], name="job_newest_of_both"),
            # Four for superusers, who ask for all tenants' jobs (JobQuerySet.everywhere), and for nobody else.
            models.Index(fields=["-queued_at", "-id"], name="job_newest_of_all", condition=~Q(tenant=0)),
            models.Index(fields=["status", "-queued_at", "-id"], name="job_all_of_status", condition=~Q(tenant=0)),
            models.Index(
                fields=["requested_by", "-queued_at", "-id"], name="job_all_of_person", condition=~Q(tenant=0)
            ),
            models.Index(
                fields=["error_fingerprint", "-queued_at", "-id"],
                name="job_all_of_error",
                condition=~Q(error_fingerprint=""),
            ),
            models.Index(
                fields=["priority", "turn", "available_at", "queued_at"],
                name="job_claimable",
                condition=Q(status="Queued", concurrency_key__isnull=True),
            ),
            models.Index(
                fields=["concurrency_key", "priority", "turn", "available_at", "queued_at"],
                name="job_claimable_limited",
                condition=Q(status="Queued", concurrency_key__isnull=False),
            ),
            models.Index(fields=["tenant", "requested_by", "turn"], name="job_turns", condition=Q(status="Queued")),
            models.Index(fields=["lease_expires_at"], name="job_leased", condition=Q(status="Running")),
            # With what rights ask about, for how many failed the same way.
            models.Index(
                fields=["error_fingerprint", "tenant", "-queued_at", "-id", "report", "requested_by"],
                name="job_error",
                condition=~Q(error_fingerprint=""),
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=Status.values), name="job_status_known"),
            models.CheckConstraint(
                condition=~Q(status="Running")
                | (
                    ~Q(owner="")
                    & Q(started_at__isnull=False, lease_expires_at__isnull=False, deadline_at__isnull=False)
                ),
                name="job_running_has_lease",
            ),
            models.CheckConstraint(
                condition=Q(status__in=ENDED, ended_at__isnull=False) | Q(status__in=UNFINISHED, ended_at__isnull=True),
                name="job_ended_has_end",
            ),
            models.CheckConstraint(
                condition=(Q(status="Failed") & ~Q(error_code="")) | (~Q(status="Failed") & Q(error_code="")),
                name="job_failed_has_error",
            ),
            models.CheckConstraint(condition=Q(fence__gte=F("attempt")), name="job_fence_covers_attempts"),
            models.UniqueConstraint(
                fields=["requested_by", "report", "idempotency_key"],
                name="job_idempotency_key",
                condition=Q(idempotency_key__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.report_name} ({self.status})"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self._state.adding:
            self.stand_in_line()
        super().save(*args, **kwargs)

    def stand_in_line(self) -> None:
        """Give it its turn, unless it has one."""
        if not self.turn:
            self.turn = Admission.of(self, connection).turn

    @property
    def is_ended(self) -> bool:
        return self.status in ENDED

    @property
    def error(self) -> JobError | None:
        """Why it failed; None unless it is Failed."""
        if self.status != Status.FAILED:
            return None
        return JobError(self.error_code, self.error_message, self.error_retryable, self.attempt)

    @property
    def result(self) -> Artifact | None:
        """The result file that can be had now, or None."""
        if self.status != Status.SUCCEEDED:  # then there is none to ask for
            return None
        artifact: Artifact | None = getattr(self, "artifact", None)
        return artifact if artifact and artifact.purged_at is None else None


class JobEvent(models.Model):
    """One entry of a job's timeline; append-only."""

    class Kind(models.TextChoices):
        QUEUED = "queued"
        CLAIMED = "claimed"
        REQUEUED = "requeued"
        CANCEL_REQUESTED = "cancel_requested"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        RETRIED = "retried"
        PURGED = "purged"
        DELIVERED = "delivered"
        DELIVERY_FAILED = "delivery_failed"
        DELIVERY_GIVEN_UP = "delivery_given_up"
        DELIVERY_RETRIED = "delivery_retried"

    job = models.ForeignKey(JobExecutionLog, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    kind = models.CharField(max_length=20, choices=Kind)
    attempt = models.PositiveSmallIntegerField()
    fence = models.PositiveBigIntegerField()
    details = models.JSONField(default=dict)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.kind


class Artifact(models.Model):
    """The result file of a Succeeded job. Its place follows from the job's id, the fence and the format."""

    job = models.OneToOneField(JobExecutionLog, on_delete=models.CASCADE, related_name="artifact")
    fence = models.PositiveBigIntegerField()
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    rows = models.PositiveBigIntegerField()
    truncated = models.CharField(max_length=500, blank=True, help_text="Why there are no more rows, if there are not.")
    stamp = models.CharField(max_length=100, help_text="The file's identity and times when it was written.")
    expires_at = models.DateTimeField()
    purged_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="artifact_expiry", condition=Q(purged_at__isnull=True))]

    def __str__(self) -> str:
        return f"{self.job_id}: {self.size} bytes"


class Delivery(models.Model):
    """A result that leaves the house: one row for each single target, written with the job's success. The id is what
    receivers know it by."""

    class State(models.TextChoices):
        PENDING = "pending", "Waiting"
        SENT = "sent", "Delivered"
        FAILED = "failed", "Given up"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    job = models.ForeignKey(JobExecutionLog, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    kind = models.CharField(max_length=20, choices=DeliveryTarget.Kind)
    target = models.CharField(max_length=2000, help_text="The address, the URL or the folder; for Administrators only.")
    target_digest = models.CharField(max_length=64, help_text="SHA-256 of the target, which is too long for an index.")
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    available_at = models.DateTimeField(help_text="Not sent before this time; once claimed, the end of the lease.")
    fence = models.PositiveIntegerField(default=0)
    attempt = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True, help_text="Why the last try failed.")
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["created_at", "id"]
        verbose_name_plural = "deliveries"
        indexes = [models.Index(fields=["available_at"], name="delivery_due", condition=Q(state="pending"))]
        constraints = [models.UniqueConstraint(fields=["job", "kind", "target_digest"], name="delivery_once")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.state}"


class WorkerHost(models.Model):
    """A running jobserver, for people and health checks. Nothing decides by it who has a job."""

    instance = models.CharField(primary_key=True, max_length=32)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    slots = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    restarts = models.PositiveIntegerField(default=0)
    note = models.CharField(max_length=300, blank=True)

    objects = WorkerHostQuerySet.as_manager()

    class Meta:
        ordering = ["host", "pid"]

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"


class SavedView(models.Model):
    """The filters of the job list that a person keeps under a name."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=60)
    filters = models.CharField(max_length=1000, help_text="The query string.")

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="saved_view_name_of_user")]

    def __str__(self) -> str:
        return self.name


class BulkAction(models.Model):
    """One press that retries or cancels many jobs, and how far it has come. The jobs' entries are in the audit log."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="bulk_actions")
    action = models.CharField(max_length=10, choices=[("retry", "Retry"), ("cancel", "Cancel")])
    ids = models.JSONField(null=True, help_text="The selected jobs; nothing: all that match the filters.")
    filters = models.TextField(blank=True, help_text="The query string.")
    at = models.DateTimeField(help_text="Jobs asked for after this time are not meant.")
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    already = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    last_queued_at = models.DateTimeField(null=True, help_text="Of the last job that was tried.")
    last_id = models.UUIDField(null=True)
    begun_at = models.DateTimeField()
    held_until = models.DateTimeField(null=True, help_text="Somebody carries it on until then.")
    ended_at = models.DateTimeField(null=True)
    stopped = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["begun_at"], name="bulk_unfinished", condition=Q(ended_at__isnull=True))]

    def __str__(self) -> str:
        return f"{self.action}: {self.tried} of {self.total}"

    @property
    def tried(self) -> int:
        return self.done + self.already + self.refused
