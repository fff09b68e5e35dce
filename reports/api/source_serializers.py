"""Data sources, as the API takes and returns them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from common.api.strict import StrictSerializer
from reports.data_sources.tasks import SourceTable, SourceTables, TableColumn
from reports.data_sources.usage import Uses
from reports.dry_run.results import SourceCheck
from reports.models import DataSource
from reports.uploads.models import UploadedFile


def source_url(source: DataSource) -> str:
    """Return the absolute URL, which has the id: slugs are unique in a tenant only."""
    return f"{settings.PUBLIC_URL}/api/v1/sources/{source.pk}"


class SourceBodySerializer(serializers.Serializer[Any]):
    """What to store. Only documents the body: `parse_source` reads it."""

    slug = serializers.CharField(max_length=100)
    tenant = serializers.CharField(required=False, help_text="Superusers name it; for others it is their own.")
    kind = serializers.ChoiceField(choices=DataSource.Kind.choices)
    uploads = serializers.BooleanField(
        required=False, help_text="Of kind files: they are uploaded, and the server keeps them. Can't change."
    )
    location = serializers.CharField(
        required=False,
        allow_null=True,
        help_text="Of other kinds: the absolute path of the file or folder.",
    )
    url = serializers.CharField(
        required=False,
        allow_null=True,
        write_only=True,
        help_text="Of a server: `postgresql://…` or another URL. Stored encrypted; without it, a stored one stays.",
    )


class ChoicesUseSerializer(serializers.Serializer[Any]):
    """A report with the parameters whose choices come from the source."""

    report = serializers.CharField()
    parameters = serializers.ListField(child=serializers.CharField())


class UsesSerializer(serializers.Serializer[Uses]):
    """What uses a data source, by slug."""

    reports = serializers.ListField(child=serializers.CharField())
    choices = ChoicesUseSerializer(many=True)
    schedules = serializers.ListField(child=serializers.CharField())


class SourceSerializer(serializers.Serializer[DataSource]):
    """A data source, with `uses_by_id` in the context. URLs of servers are never returned."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    kind = serializers.ChoiceField(choices=DataSource.Kind.choices)
    uploads = serializers.BooleanField(source="is_uploads", help_text="Whether its files are uploaded.")
    location = serializers.SerializerMethodField(help_text="The path; null for servers and uploads.")
    checkedAt = serializers.DateTimeField(source="checked_at", allow_null=True, help_text="When it was last tested.")
    fault = serializers.CharField(help_text="Why it didn't answer then, or empty.")
    usedBy = serializers.SerializerMethodField(help_text="What uses it. It can't be deleted until nothing does.")
    href = serializers.SerializerMethodField(help_text="The URL of this call.")

    def get_location(self, source: DataSource) -> str | None:
        return None if source.is_uploads else source.location or None

    @extend_schema_field(UsesSerializer)
    def get_usedBy(self, source: DataSource) -> dict[str, Any]:
        uses: Uses = self.context["uses_by_id"][source.pk]
        return uses.as_json()

    @extend_schema_field(OpenApiTypes.URI)
    def get_href(self, source: DataSource) -> str:
        return source_url(source)


class SourceCheckSerializer(serializers.Serializer[SourceCheck]):
    """The outcome of a test."""

    works = serializers.SerializerMethodField(help_text="Whether the source answered.")
    fault = serializers.CharField(source="error", help_text="Why not, or empty.")
    warnings = serializers.ListField(
        child=serializers.CharField(), help_text="What its account may do beyond reading, in sentences."
    )

    def get_works(self, check: SourceCheck) -> bool:
        return not check.error


class TableColumnSerializer(serializers.Serializer[TableColumn]):
    """A column of a table."""

    name = serializers.CharField()
    type = serializers.CharField(help_text="As the source names it.")


class TableSerializer(serializers.Serializer[SourceTable]):
    """A table or view."""

    name = serializers.CharField()
    reference = serializers.CharField(help_text="How a query names it.")
    columns = TableColumnSerializer(many=True)
    fault = serializers.CharField(help_text="Why no columns are known, or empty.")


class TablesSerializer(serializers.Serializer[SourceTables]):
    """The first tables that match, by name."""

    tables = TableSerializer(many=True)
    more = serializers.BooleanField(help_text="Whether others match. Search for them with q.")
    fault = serializers.CharField(help_text="Why there are none, or empty.")


class UploadSerializer(StrictSerializer):
    """A file in a form."""

    file = serializers.FileField(allow_empty_file=True, help_text="CSV, Parquet or XLSX, known by its content.")
    table = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=100, help_text="Its name, in place of the file's."
    )


class UploadedFileSerializer(serializers.Serializer[UploadedFile]):
    """The current version of an uploaded table."""

    table = serializers.CharField()
    version = serializers.IntegerField(source="number")
    filename = serializers.CharField(help_text="As it was uploaded.")
    rows = serializers.IntegerField()
    size = serializers.IntegerField(help_text="Bytes of the stored file.")
    sha256 = serializers.CharField(help_text="Of the stored file.")
    uploadedAt = serializers.DateTimeField(source="uploaded_at")
    uploadedBy = serializers.CharField(source="uploaded_by")


class UploadedFilesSerializer(serializers.Serializer[Any]):
    """Uploaded tables."""

    files = UploadedFileSerializer(many=True)
