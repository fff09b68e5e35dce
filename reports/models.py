"""Data sources, reports with their immutable versions, delivery targets and grants."""

from __future__ import annotations

import uuid
from datetime import datetime
from functools import cached_property, lru_cache

from django.conf import settings
from django.db import connection, models
from django.db.models import Q
from django.dispatch import Signal
from django.utils.translation import gettext_lazy as _
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from accounts.models import Tenant
from common.compiled_sql import Statement, params
from common.outbound.connecting import AddressRules
from reports import crypto
from reports.catalogue.models import InCatalogue
from reports.choices.queries import ParameterChoices, parents_first
from reports.exceptions import ReportIncomplete, ReportNotFound, SourceMissing
from reports.parameters.date_math import DATE_TYPES, Moment
from reports.parameters.declarations import Parameter
from reports.parameters.rules import Rule
from reports.permissions import Right
from reports.querysets import DataSourceQuerySet, ReportQuerySet
from reports.rendering.base import Section, section_of
from reports.sources.base import SourceSpec
from reports.sources.drivers.operators import OPERATORS_KINDS, OperatorRules
from reports.sources.lake.url import LakeRules
from reports.sources.locations import LocationRules
from reports.sources.server_rules import OwnDatabase, ServerRules
from reports.targets.models import DeliveryTarget
from reports.uploads import storage as uploads
from reports.uploads.models import UploadedFile

#: Sent with `report`, locked, in the transaction that is about to delete it, before any other row is changed. Receivers
#: lock what they keep of it, and return audit entries for the end of the transaction: list[PendingEntry].
deleting_report = Signal()


class DataSource(models.Model):
    """A database or folder that reports read from. A path is stored as it is, a URL encrypted: it has a password."""

    class Kind(models.TextChoices):
        SQLITE = "sqlite", _("SQLite file")
        DUCKDB = "duckdb", _("DuckDB file")
        FILES = "files", _("CSV, Parquet and JSON files")
        POSTGRESQL = "postgresql", _("PostgreSQL server")
        SQL = "sql", _("Other database server")
        ADBC = "adbc", _("Database with an ADBC driver")
        LAKE = "lake", _("Parquet, Delta and Iceberg tables in object storage")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # PROTECT: deleting a tenant must not silently delete what it owns.
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="data_sources")
    slug = models.SlugField(max_length=100)
    kind = models.CharField(max_length=20, choices=Kind)
    location = models.CharField(max_length=1000, blank=True, help_text=_("Absolute path of the file or folder."))
    encrypted_url = models.TextField(blank=True, editable=False)
    is_operators = models.BooleanField(
        default=False, db_default=False, editable=False, help_text="A definitions file has set the location."
    )
    is_uploads = models.BooleanField(
        default=False, db_default=False, editable=False, help_text="Its files are uploaded and kept by the server."
    )
    checked_at = models.DateTimeField(null=True, editable=False, help_text=_("When it was last tested."))
    fault = models.CharField(
        max_length=500, blank=True, default="", db_default="", editable=False, help_text=_("Why it didn't answer then.")
    )

    objects = DataSourceQuerySet.as_manager()

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
        """The decrypted connection URL, for the driver only; "" for a path. Reading it raises WrongKey."""
        return crypto.decrypt(self.encrypted_url, owner=str(self.pk)) if self.encrypted_url else ""

    @url.setter
    def url(self, url: str) -> None:
        self.encrypted_url = crypto.encrypt(url, owner=str(self.pk)) if url else ""

    @property
    def dialect(self) -> str:
        """The SQL dialect of its queries."""
        # The URL is decrypted only where the dialect depends on it: reports on other sources stay editable when the
        # key is lost.
        depends = self.kind in (self.Kind.SQL, *OPERATORS_KINDS)
        return SourceSpec(kind=self.kind, location=self.url if depends else "").dialect

    def spec(self) -> SourceSpec:
        """Return what reports.sources needs to open it."""
        if self.is_uploads:
            # Without rules: the server has named and written these files, and they are the only ones that are read.
            folder = uploads.source_folder(self.pk)
            files = tuple(str(uploads.file_path(file)) for file in self.tables())
            return SourceSpec(kind=self.kind, location=str(folder), files=files)
        if self.location:
            rules = location_rules(by_operator=self.is_operators)
            return SourceSpec(kind=self.kind, location=self.location, rules=rules)
        return SourceSpec(
            kind=self.kind, location=self.url, rules=server_rules(self.kind, by_operator=self.is_operators)
        )

    def tables(self) -> list[UploadedFile]:
        """Return the current versions of its uploaded tables, by name."""
        newest: dict[str, UploadedFile] = {}
        for file in self.files.order_by("table", "-number"):
            newest.setdefault(file.table, file)
        return list(newest.values())


def location_rules(*, by_operator: bool) -> LocationRules:
    """Where the files of a data source may lie. Only operators may choose any place outside the server's own."""
    protected = tuple(map(str, settings.PROTECTED_PATHS))
    return LocationRules(protected, None if by_operator else tuple(map(str, settings.SOURCE_FOLDERS)))


def server_rules(kind: str, *, by_operator: bool) -> ServerRules | OperatorRules | LakeRules | None:
    """Where the URL of a data source may lead to; None: anywhere."""
    if by_operator:
        return None
    if kind in OPERATORS_KINDS:
        return OperatorRules()
    if kind == DataSource.Kind.LAKE:
        return LakeRules(AddressRules(tuple(settings.WEBHOOK_ALLOW)))
    return ServerRules(_own_databases()) if kind == DataSource.Kind.POSTGRESQL else None


def _own_databases() -> tuple[OwnDatabase, ...]:
    """The server's own database on each of its hosts; none if it is SQLite's, whose files are protected."""
    if connection.vendor != "postgresql":
        return ()
    connection.ensure_connection()
    info = connection.connection.info
    # As libpq has understood them, with what its environment and service file say.
    found = info.get_parameters()
    hosts = (found.get("host") or found.get("hostaddr", "")).split(",")
    ports = found.get("port", str(info.port)).split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    return tuple(OwnDatabase(host, port or "5432", info.dbname) for host, port in zip(hosts, ports, strict=True))


class ReportConfiguration(InCatalogue):
    """A report. Its versions define what it does, its grants who can use it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="reports")
    slug = models.SlugField(max_length=100)
    current = models.OneToOneField(
        "ReportVersion", on_delete=models.SET_NULL, null=True, editable=False, related_name="current_of"
    )
    is_caller_bound = models.BooleanField(
        default=False, db_default=False, editable=False, help_text="A version depends on who runs it."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ReportQuerySet.as_manager()

    class Meta:
        ordering = ["slug"]
        verbose_name = _("report")
        constraints = [models.UniqueConstraint(fields=["tenant", "slug"], name="report_slug_in_tenant")]
        permissions = [(Right.GENERATE.codename, "Can run the report and see own jobs")]

    def __str__(self) -> str:
        return self.slug

    @property
    def version(self) -> ReportVersion:
        """The version that a new job runs.

        Raises ReportIncomplete if there is none yet, ReportNotFound if the report was deleted since it was read.
        """
        try:
            current = self.current
        except ReportVersion.DoesNotExist:
            raise ReportNotFound from None
        if current is None:
            raise ReportIncomplete
        return current

    def moment(self, instant: datetime) -> Moment:
        """Return what relative dates of a run at this instant are resolved against: the report's time zone, else the
        tenant's, else UTC."""
        version = self.version
        # The tenant is only read where it can matter: this is called for every new job.
        of_tenant = self.tenant.time_zone if version.takes_dates and not version.time_zone else ""
        return Moment.of(instant, version.time_zone, of_tenant)

    def use_cached_version(self) -> None:
        """Set `current` from memory, without a query. Raises ReportNotFound if the report was deleted since."""
        try:
            self.current = cached_version(self.current_id) if self.current_id else None
        except ReportVersion.DoesNotExist:
            raise ReportNotFound from None


class ReportVersion(models.Model):
    """One immutable, numbered definition of a report. Every change of the report creates a new version."""

    class Deliver(models.TextChoices):
        ON_REQUEST = "on_request", _("Only if whoever runs it asks for it")
        ALWAYS = "always", _("After each run")

    report = models.ForeignKey(ReportConfiguration, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    # SET_NULL: old versions outlive their data source, so that jobs still show what they ran.
    data_source = models.ForeignKey(DataSource, on_delete=models.SET_NULL, null=True, related_name="versions")
    query = models.TextField()
    parameters = models.JSONField(default=list)
    formats = models.JSONField()
    timeout_seconds = models.PositiveIntegerField(default=300)
    max_rows = models.PositiveBigIntegerField(null=True)
    max_running = models.PositiveSmallIntegerField(
        null=True, help_text=_("Jobs of the report that can run at the same time.")
    )
    # Versions from before this column, and of servers that don't know it yet, deliver always.
    deliver = models.CharField(
        max_length=10,
        choices=Deliver,
        default=Deliver.ON_REQUEST,
        db_default=Deliver.ALWAYS,
        help_text=_("When results are sent to its targets."),
    )
    #: Fields of the definition without a column, where they differ from their default; see ReportDefinition.OPTIONS.
    options = models.JSONField(default=dict, blank=True)
    caller_names = models.JSONField(
        default=list, db_default=[], editable=False, help_text="The caller's attributes that its queries use."
    )
    max_attempts = models.PositiveSmallIntegerField(default=3)
    retention_days = models.PositiveIntegerField(default=30)
    created_at = models.DateTimeField(auto_now_add=True)
    # A name, not a foreign key: it outlives the user.
    created_by = models.CharField(max_length=150)

    class Meta:
        ordering = ["report", "-number"]
        # Every claim searches for versions with a limit, and few have one.
        indexes = [models.Index(fields=["max_running"], name="version_limited", condition=Q(max_running__isnull=False))]
        constraints = [
            models.UniqueConstraint(fields=["report", "number"], name="report_version_number"),
            models.CheckConstraint(
                condition=Q(number__gte=1, timeout_seconds__gte=1, max_attempts__gte=1), name="report_version_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} (version {self.number})"

    def declared_parameters(self) -> list[Parameter]:
        return [Parameter.from_dict(parameter) for parameter in self.parameters]

    @property
    def takes_dates(self) -> bool:
        """Whether a parameter can have a relative date as its value."""
        return any(parameter.get("type") in DATE_TYPES for parameter in self.parameters)

    @property
    def time_zone(self) -> str:
        """The name of the zone for relative dates; "" for the tenant's."""
        return str(self.options.get("time_zone", ""))

    @property
    def rules(self) -> list[Rule]:
        return [Rule(**rule) for rule in self.options.get("rules", [])]

    @property
    def sections(self) -> list[Section]:
        """Its sections; empty if it has a query of its own."""
        return [section_of(stored) for stored in self.options.get("sections", ())]

    @property
    def section_queries(self) -> dict[str, str]:
        """The queries of its sections by name, in order; empty if it has a query of its own."""
        return {section["name"]: section["query"] for section in self.options.get("sections", ())}

    @property
    def has_choices_queries(self) -> bool:
        return any("choices_query" in parameter for parameter in self.parameters)

    def choices(self) -> list[ParameterChoices]:
        """Return the choices queries, parents first, with their data sources as they are now.

        Raises SourceMissing if one was deleted, and WrongKey.
        """
        declared = {parameter.name: parameter for parameter in self.declared_parameters()}
        queries = {name: each.choices_query for name, each in declared.items() if each.choices_query}
        source_ids = {name: query.data_source or self.data_source_id for name, query in queries.items()}
        sources = {str(source.pk): source for source in DataSource.objects.filter(pk__in=set(source_ids.values()))}
        if any(str(source_id) not in sources for source_id in source_ids.values()):
            raise SourceMissing
        return parents_first(
            ParameterChoices(
                parameter=declared[name],
                query=query.query,
                source=sources[str(source_ids[name])].spec(),
                parents=tuple(declared[parent] for parent in query.parents if parent in declared),
            )
            for name, query in queries.items()
        )

    def source(self) -> SourceSpec:
        """Return the data source to open. Raises SourceMissing if it was deleted."""
        if self.data_source is None:
            raise SourceMissing
        return self.data_source.spec()

    @cached_property
    def modes(self) -> frozenset[str]:
        """The modes in which the API returns its results."""
        return frozenset(target.mode for target in self._targets if target.mode)

    @property
    def is_asynchronous(self) -> bool:
        """True if POST generate can run it."""
        return DeliveryTarget.Mode.ASYNCHRONOUS in self.modes

    @cached_property
    def _targets(self) -> list[DeliveryTarget]:
        return list(self.delivery_targets.all())

    @property
    def has_outbound_delivery(self) -> bool:
        """True if its results are sent somewhere, for example by e-mail."""
        return any(target.is_outbound for target in self._targets)

    @property
    def recipients(self) -> int:
        """To how many addresses, webhooks and file shares a result is sent."""
        return sum(target.recipients for target in self._targets if target.is_outbound)

    def delivers(self, *, requested: bool) -> bool:
        """Whether a result is sent to its targets."""
        return self.has_outbound_delivery and (requested or self.deliver == self.Deliver.ALWAYS)


@lru_cache(maxsize=100)
def cached_version(pk: int) -> ReportVersion:
    """Return a version from memory. Raises DoesNotExist.

    Versions and their delivery targets never change, but data sources do: don't read the version's data source here.
    """
    return ReportVersion.objects.get(pk=pk)


def delivers(pk: int, *, requested: bool) -> bool:
    """Whether results of this version are sent to its targets; False if it was deleted."""
    try:
        return cached_version(pk).delivers(requested=requested)
    except ReportVersion.DoesNotExist:
        return False


def version_with_source(pk: int | None) -> ReportVersion | None:
    """Return the version with its data source as it is now; None if the version was deleted."""
    versions = _VERSION.fetch(id=pk)
    if not versions:
        return None
    version: ReportVersion = versions[0]
    sources = _DATA_SOURCE.fetch(id=version.data_source_id)
    version.data_source = sources[0] if sources else None
    return version


# Every claim reads both.
_VERSION = Statement(lambda: ReportVersion.objects.filter(**params(ReportVersion, "id")).order_by().query)
_DATA_SOURCE = Statement(lambda: DataSource.objects.filter(**params(DataSource, "id")).order_by().query)


class UserGrant(UserObjectPermissionBase):
    """A user's right on a report."""

    content_object = models.ForeignKey(ReportConfiguration, on_delete=models.CASCADE)


class RoleGrant(GroupObjectPermissionBase):
    """A role's right on a report."""

    content_object = models.ForeignKey(ReportConfiguration, on_delete=models.CASCADE)
