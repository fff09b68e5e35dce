"""Jobs and their timelines, and the models of this app's packages."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Tenant
from jobs.clock import Now
from jobs.connections.models import Connection
from jobs.delivery.models import DeliveredOutcome, Delivery, DeliveryPlan, DownloadLink, Unsubscription
from jobs.execution.claim import Claim
from jobs.history.models import HistoryTurn, JobArchive
from jobs.hosts.models import Deployment, WorkerHost
from jobs.monitoring.models import BulkAction, SavedView
from jobs.notices.models import Notice, Streak
from jobs.querysets import JobQuerySet
from jobs.queue.admission import Admission
from jobs.results.models import Artifact, ResultStore
from jobs.splitting.models import JobSplit, Piece
from jobs.status import ENDED, UNFINISHED, JobError, QueuePosition, Status
from reports.models import ReportConfiguration, ReportVersion

__all__ = [
    "Artifact", "BulkAction", "Connection", "DeliveredOutcome", "Delivery", "DeliveryPlan", "Deployment",
    "DownloadLink", "HistoryTurn", "JobArchive", "JobEvent", "JobExecutionLog", "JobSplit", "Notice", "Piece",
    "ResultStore", "SavedView", "Streak", "Unsubscription", "WorkerHost",
]  # fmt: skip


class JobExecutionLog(Claim):
    """One job. This row is authoritative; a queue message only says that there may be work.

    `fence` increases with every claim and every release. A worker whose fence or claim token differs from the row's has
    lost the job. The random token tells claims with the same fence apart: one that the database forgot, because a
    standby was promoted or a backup restored, and the next one.
    The report's names and version number are copied, so that the row outlives the report.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Three foreign keys have no index of their own, because a longer index below starts with each.
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
    # The user whose attributes the queries used, and these; null unless the report depends on who runs it.
    ran_as = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    ran_as_name = models.CharField(max_length=150, null=True)  # noqa: DJ001 - as key_name
    caller_values = models.JSONField(null=True)
    # Null instead of empty: SQLite adds such a column without copying the table of all jobs.
    key_name = models.CharField(max_length=100, null=True, help_text=_("The API key it was requested with."))  # noqa: DJ001
    parameters = models.JSONField(default=dict)
    requested_parameters = models.JSONField(
        null=True, help_text=_("As they were sent, with relative dates; null for jobs of earlier versions.")
    )
    parameter_labels = models.JSONField(
        default=dict, db_default={}, help_text=_("What people see in place of values that were chosen from a query.")
    )
    format = models.CharField(max_length=20)
    more_formats = models.CharField(
        max_length=100, blank=True, default="", db_default="", help_text=_("Further formats, separated by spaces.")
    )
    is_scheduled = models.BooleanField(
        default=False,
        db_default=False,
        help_text=_("A schedule created it. It doesn't count towards the limits on its owner's unfinished jobs."),
    )
    deliver = models.BooleanField(
        default=False, db_default=False, help_text=_("Its result is sent to the report's targets on request.")
    )
    notify = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        db_index=False,
        help_text=_("Who gets a mail when it ends."),
    )
    delivery_state = models.CharField(
        max_length=15,
        blank=True,
        default="",
        db_default="",
        help_text=_("What came of its deliveries; empty without any. See DeliveryState."),
    )
    locale = models.CharField(max_length=35, null=True, help_text=_("Of its files; null: its report's."))  # noqa: DJ001
    section = models.CharField(  # noqa: DJ001 - as key_name
        max_length=60, null=True, help_text=_("Of the report, in files that have only one; null if it has none.")
    )
    retry_of = models.OneToOneField("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="retried_as")
    # No foreign key: without its original, a conversion must not read the source.
    converted_from = models.UUIDField(null=True, help_text=_("The job whose kept rows it renders, or the piece."))
    split_from = models.UUIDField(null=True, help_text=_("The job whose result was split, if it renders a piece."))
    idempotency_key = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001 - unique unless null
    request_fingerprint = models.CharField(max_length=64, blank=True)

    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    priority = models.SmallIntegerField(default=100, help_text=_("Lower values are claimed first."))
    turn = models.PositiveBigIntegerField(
        default=0,
        help_text=_(
            "Rank in fair queuing. Within a priority, lower values are claimed first; users and tenants alternate."
        ),
    )
    concurrency_key = models.UUIDField(
        null=True, help_text=_("The report's id if the report limits how many of its jobs run at once.")
    )
    queued_at = models.DateTimeField()
    available_at = models.DateTimeField(help_text=_("The job isn't claimed before this time."))
    started_at = models.DateTimeField(null=True, help_text=_("When the last attempt started."))
    ended_at = models.DateTimeField(null=True)
    attempt = models.PositiveSmallIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField()
    timeout_seconds = models.PositiveIntegerField()

    owner = models.CharField(max_length=32, blank=True, help_text=_("The jobserver whose worker holds the lease."))
    host = models.CharField(max_length=255, blank=True)
    pid = models.PositiveIntegerField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    lease_expires_at = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    cancel_requested_by = models.CharField(max_length=150, blank=True)
    notified_at = models.DateTimeField(null=True, help_text=_("When workers were last notified of the job."))

    rows = models.PositiveBigIntegerField(default=0)
    bytes = models.PositiveBigIntegerField(default=0)
    percent = models.PositiveSmallIntegerField(null=True)

    error_code = models.CharField(max_length=50, blank=True)
    error_message = models.TextField(blank=True)
    error_retryable = models.BooleanField(default=False)
    error_trace = models.TextField(blank=True, help_text=_("Visible to administrators only."))
    error_fingerprint = models.CharField(max_length=16, blank=True)

    objects = JobQuerySet.as_manager()
    #: Set by jobs.queue.position.annotate_positions while the job is Queued.
    queue_position: QueuePosition | None = None

    class Meta:
        ordering = ["-queued_at", "-id"]
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        indexes = [
            # Includes the columns that rights and searches test, so that rows the user can't see are never read.
            models.Index(fields=["tenant", "-queued_at", "-id", "report", "requested_by"], name="job_newest"),
            models.Index(fields=["tenant", "status", "-queued_at", "-id"], name="job_newest_of_status"),
            # Includes the tenant, although report and user imply it: SQLite prefers the index that matches the most
            # columns, and would otherwise scan all of the tenant's jobs to find those of a rarely run report.
            models.Index(fields=["report", "tenant", "-queued_at", "-id"], name="job_newest_of_report"),
            models.Index(fields=["report", "status", "tenant", "-queued_at", "-id"], name="job_of_report_and_status"),
            # Includes the report: users see their own jobs of some reports only.
            models.Index(fields=["requested_by", "tenant", "-queued_at", "-id", "report"], name="job_newest_of_user"),
            # A user's own jobs of one report, which may be few among very many.
            models.Index(
                fields=["requested_by", "report", "tenant", "-queued_at", "-id"], name="job_newest_of_user_report"
            ),
            # Four indexes for superusers only, who list all tenants' jobs (JobQuerySet.across_tenants).
            models.Index(fields=["-queued_at", "-id"], name="job_newest_of_all", condition=~Q(tenant=0)),
            models.Index(fields=["status", "-queued_at", "-id"], name="job_all_of_status", condition=~Q(tenant=0)),
            models.Index(fields=["requested_by", "-queued_at", "-id"], name="job_all_of_user", condition=~Q(tenant=0)),
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
            models.Index(
                fields=["tenant", "requested_by", "turn", "is_scheduled"],
                name="job_turns_and_limits",
                condition=Q(status="Queued"),
            ),
            models.Index(fields=["ran_as"], name="job_ran_as", condition=Q(ran_as__isnull=False)),
            models.Index(fields=["notify"], name="job_notify", condition=Q(notify__isnull=False)),
            models.Index(fields=["lease_expires_at"], name="job_leased", condition=Q(status="Running")),
            # Jobs that wait for their next attempt: looked for every second, among possibly very many that are queued.
            models.Index(
                fields=["available_at"], name="job_not_notified", condition=Q(status="Queued", notified_at__isnull=True)
            ),
            # Includes the columns that rights test: counts the jobs that failed with the same error.
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
            self.assign_turn()
        super().save(*args, **kwargs)

    def assign_turn(self) -> None:
        """Set the job's turn in the queue unless it has one."""
        if not self.turn:
            self.turn = Admission.of(self).turn

    @property
    def sent_parameters(self) -> dict[str, object]:
        """The parameters as they were sent; jobs of earlier versions have no relative dates and kept no copy."""
        sent: dict[str, object] | None = self.requested_parameters
        return self.parameters if sent is None else sent

    @property
    def formats(self) -> list[str]:
        """All formats of the result, the first one first."""
        return [self.format, *self.more_formats.split()]

    @formats.setter
    def formats(self, formats: Sequence[str]) -> None:
        self.format, self.more_formats = formats[0], " ".join(formats[1:])

    @property
    def is_ended(self) -> bool:
        return self.status in ENDED

    @property
    def error(self) -> JobError | None:
        """Why the job failed; None unless its status is Failed."""
        if self.status != Status.FAILED:
            return None
        return JobError(self.error_code, self.error_message, self.error_retryable, self.attempt)

    @property
    def result(self) -> Artifact | None:
        """The result that can be downloaded now; None if there is none or it was purged."""
        if self.status != Status.SUCCEEDED:  # Saves the query for the artifact.
            return None
        artifact: Artifact | None = getattr(self, "artifact", None)
        return artifact if artifact and artifact.purged_at is None else None

    @property
    def retry_job(self) -> JobExecutionLog | None:
        """The job that retried this one; None if there is none."""
        return getattr(self, "retried_as", None)


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
        DELIVERY_SKIPPED = "delivery_skipped"
        DELIVERY_HELD = "delivery_held"
        DELIVERY_RELEASED = "delivery_released"
        DELIVERY_DISCARDED = "delivery_discarded"

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

    @classmethod
    def of(cls, job: JobExecutionLog, kind: Kind, details: Mapping[str, object] | None = None) -> JobEvent:
        """Return an event of a job that happens now, not stored yet."""
        return cls(job=job, at=Now(), kind=kind, attempt=job.attempt, fence=job.fence, details=dict(details or {}))
