"""What can be run: data sources, reports with their immutable versions, delivery targets, and grants."""

from __future__ import annotations

import base64
import hashlib
import secrets
import uuid
from functools import cached_property

from django.db import models
from django.db.models import Q
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from accounts.models import Tenant
from reports import crypto
from reports.exceptions import ReportIncomplete, ReportNotFound, SourceMissing
from reports.parameters.values import Parameter
from reports.querysets import ReportQuerySet, Right
from reports.sources.base import SourceSpec


class DataSource(models.Model):
    """Where rows come from; read-only. A path is kept as it is, a URL (with its password) encrypted."""

    class Kind(models.TextChoices):
        SQLITE = "sqlite", "SQLite file"
        DUCKDB = "duckdb", "DuckDB file"
        FILES = "files", "CSV, Parquet and JSON files"
        POSTGRESQL = "postgresql", "PostgreSQL server"
        SQL = "sql", "Other database server"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="data_sources")
    slug = models.SlugField(max_length=100)
    kind = models.CharField(max_length=20, choices=Kind)
    location = models.CharField(max_length=1000, blank=True, help_text="Absolute path of the file or folder.")
    encrypted_url = models.TextField(blank=True, editable=False)

    class Meta:
        ordering = ["tenant", "slug"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "slug"], name="data_source_slug_in_tenant"),
            models.CheckConstraint(
                condition=(Q(location="") & ~Q(encrypted_url="")) | (~Q(location="") & Q(encrypted_url="")),
                name="data_source_path_or_url",
            ),
        ]

    def __str__(self) -> str:
        return self.slug

    @property
    def url(self) -> str:
        """The connection URL, in clear; only ever handed to the driver."""
        return crypto.decrypt(self.encrypted_url, owner=str(self.pk)) if self.encrypted_url else ""

    @url.setter
    def url(self, url: str) -> None:
        self.encrypted_url = crypto.encrypt(url, owner=str(self.pk)) if url else ""

    @property
    def dialect(self) -> str:
        """Which SQL its queries are written in."""
        # Only of this kind the URL tells, so that a lost key does not keep others from being changed.
        return SourceSpec(kind=self.kind, location=self.url if self.kind == self.Kind.SQL else "").dialect

    def spec(self) -> SourceSpec:
        """What reports.sources needs to open it."""
        return SourceSpec(kind=self.kind, location=self.location or self.url)


class ReportConfiguration(models.Model):
    """A report. What it does is in its versions; who may use it is in its grants."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="reports")
    slug = models.SlugField(max_length=100)
    current = models.OneToOneField(
        "ReportVersion", on_delete=models.SET_NULL, null=True, editable=False, related_name="current_of"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ReportQuerySet.as_manager()

    class Meta:
        ordering = ["slug"]
        verbose_name = "report"
        constraints = [models.UniqueConstraint(fields=["tenant", "slug"], name="report_slug_in_tenant")]
        permissions = [(Right.GENERATE.codename, "Can generate the report and see the own jobs")]

    def __str__(self) -> str:
        return self.slug

    @property
    def version(self) -> ReportVersion:
        """The version that a new job runs. ReportIncomplete before there is one; ReportNotFound when the report was
        deleted after it was read."""
        try:
            current = self.current
        except ReportVersion.DoesNotExist:
            raise ReportNotFound from None
        if current is None:
            raise ReportIncomplete
        return current


class ReportVersion(models.Model):
    """One immutable, numbered definition of a report. A change of the report is a new version."""

    report = models.ForeignKey(ReportConfiguration, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    data_source = models.ForeignKey(DataSource, on_delete=models.SET_NULL, null=True, related_name="versions")
    query = models.TextField()
    parameters = models.JSONField(default=list)
    formats = models.JSONField()
    timeout_seconds = models.PositiveIntegerField(default=300)
    max_rows = models.PositiveBigIntegerField(null=True)
    max_running = models.PositiveSmallIntegerField(null=True, help_text="Jobs of the report that may run at once.")
    #: The further fields of the definition that are not at their default; see ReportDefinition.OPTIONS.
    options = models.JSONField(default=dict, blank=True)
    max_attempts = models.PositiveSmallIntegerField(default=3)
    retention_days = models.PositiveIntegerField(default=30)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=150)

    class Meta:
        ordering = ["report", "-number"]
        # Asked for at every claim; hardly any version is in it.
        indexes = [models.Index(fields=["max_running"], name="version_limited", condition=Q(max_running__isnull=False))]
        constraints = [
            models.UniqueConstraint(fields=["report", "number"], name="report_version_number"),
            models.CheckConstraint(
                condition=Q(number__gte=1, timeout_seconds__gte=1, max_attempts__gte=1), name="report_version_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} (version {self.number})"

    def declared(self) -> list[Parameter]:
        """The parameters as declarations."""
        return [Parameter.from_dict(parameter) for parameter in self.parameters]

    def source(self) -> SourceSpec:
        """The data source to open; SourceMissing when it was deleted."""
        if self.data_source is None:
            raise SourceMissing
        return self.data_source.spec()

    @cached_property
    def modes(self) -> frozenset[str]:
        """The modes in which the API hands out its result. A version never changes, so one look is enough."""
        return frozenset(target.mode for target in self.delivery_targets.all() if target.mode)

    @property
    def is_asynchronous(self) -> bool:
        """Whether POST generate may run it."""
        return DeliveryTarget.Mode.ASYNCHRONOUS in self.modes

    @cached_property
    def goes_out(self) -> bool:
        """Whether its results leave the house, by mail for example."""
        return any(target.kind != DeliveryTarget.Kind.API_RESPONSE for target in self.delivery_targets.all())


class DeliveryTarget(models.Model):
    """Where the result of a version goes."""

    class Kind(models.TextChoices):
        API_RESPONSE = "api_response", "API response"
        EMAIL = "email", "E-mail"
        WEBHOOK = "webhook", "Webhook"
        FILE_SHARE = "file_share", "File share"

    class Mode(models.TextChoices):
        ASYNCHRONOUS = "asynchronous", "Asynchronous"
        SYNCHRONOUS = "synchronous", "Synchronous"

    version = models.ForeignKey(ReportVersion, on_delete=models.CASCADE, related_name="delivery_targets")
    kind = models.CharField(max_length=20, choices=Kind)
    mode = models.CharField(max_length=20, choices=Mode, blank=True)
    options = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=(Q(kind="api_response") & ~Q(mode="")) | (~Q(kind="api_response") & Q(mode="")),
                name="delivery_mode_of_api_response_only",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.mode}".strip()


class WebhookSecret(models.Model):
    """What webhooks of a report to one address are signed with; made at random when it is first needed."""

    report = models.ForeignKey(ReportConfiguration, on_delete=models.CASCADE, related_name="webhook_secrets")
    url_digest = models.CharField(max_length=64, help_text="SHA-256 of the address, which is too long for an index.")
    encrypted_secret = models.TextField(editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["report", "url_digest"], name="webhook_secret_of_address")]

    def __str__(self) -> str:
        return f"{self.report_id}"

    @classmethod
    def of(cls, report: ReportConfiguration, url: str) -> str:
        """The secret in clear, as the receiver needs it: whsec_ and base64."""
        owner = f"{report.pk} {url}"
        made = crypto.encrypt(f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}", owner=owner)
        digest = hashlib.sha256(url.encode()).hexdigest()
        kept, _ = cls.objects.get_or_create(report=report, url_digest=digest, defaults={"encrypted_secret": made})
        return crypto.decrypt(kept.encrypted_secret, owner=owner)


class UserGrant(UserObjectPermissionBase):
    """A right on a report given to one person."""

    content_object = models.ForeignKey(ReportConfiguration, on_delete=models.CASCADE)


class RoleGrant(GroupObjectPermissionBase):
    """A right on a report given to a role."""

    content_object = models.ForeignKey(ReportConfiguration, on_delete=models.CASCADE)
