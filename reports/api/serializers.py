"""How reports look from the outside."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from common.api.strict import StrictSerializer
from reports.definitions import ReportDefinition
from reports.definitions.from_database import definition_of
from reports.documents.diagnostics import Diagnostic
from reports.dry_run.check import CheckResult, FormatFit
from reports.dry_run.row_preview import RowPreview
from reports.dry_run.target import Column
from reports.models import DeliveryTarget, ReportConfiguration
from reports.parameters.json_schema import json_schema
from reports.permissions import Right
from reports.runner import RunHistory

RIGHTS = (*map(str, Right), "administer")


def report_url(report: ReportConfiguration) -> str:
    """The absolute address; with the id, which no other tenant's report has and which a new slug doesn't change."""
    return f"{settings.PUBLIC_URL}/api/v1/reports/{report.pk}"


class DeliverySerializer(serializers.Serializer[DeliveryTarget]):
    """Where results go. Addresses are for Administrators only, in `definition`."""

    kind = serializers.ChoiceField(choices=DeliveryTarget.Kind.choices)
    mode = serializers.SerializerMethodField(help_text="asynchronous or synchronous; null unless kind is api_response.")

    def get_mode(self, target: DeliveryTarget) -> str | None:
        return target.mode or None


@extend_schema_field(ReportDefinition)  # type: ignore[arg-type] # one that reports.api.schema describes
class OwnDefinitionField(serializers.Field[ReportConfiguration, Any, dict[str, Any], Any]):
    """The report's stored definition; left out for those who do not administer it."""

    def get_attribute(self, report: ReportConfiguration) -> ReportConfiguration:
        if not self.context["request"].user.administers(report.tenant_id):
            raise serializers.SkipField
        return report

    def to_representation(self, report: ReportConfiguration) -> dict[str, Any]:
        return definition_of(report).entry()


class ReportSerializer(serializers.Serializer[ReportConfiguration]):
    """A report of `ReportQuerySet.with_rights(user)`; the user is the request's."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField(source="version.name")
    description = serializers.CharField(source="version.description")
    version = serializers.IntegerField(source="version.number", help_text="Grows with every change.")
    parameters = serializers.SerializerMethodField(help_text="JSON Schema (2020-12) of the `parameters` to send.")
    formats = serializers.ListField(
        child=serializers.CharField(), source="version.formats", help_text="The first is the default."
    )
    delivery = DeliverySerializer(many=True, source="version.delivery_targets.all")
    rights = serializers.SerializerMethodField(help_text="What the caller may do with it.")
    url = serializers.SerializerMethodField()
    createdAt = serializers.DateTimeField(source="created_at")
    updatedAt = serializers.DateTimeField(source="version.created_at", help_text="When this version was made.")
    definition = OwnDefinitionField(
        required=False, help_text="For Administrators only: the entry of the definitions file."
    )

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_parameters(self, report: ReportConfiguration) -> dict[str, Any]:
        return json_schema(report.version.declared_parameters())

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField(choices=RIGHTS)))
    def get_rights(self, report: Any) -> list[str]:
        if self.context["request"].user.administers(report.tenant_id):
            return list(RIGHTS)
        return [str(right) for right in Right if getattr(report, f"has_{right}")]

    @extend_schema_field(OpenApiTypes.URI)
    def get_url(self, report: ReportConfiguration) -> str:
        return report_url(report)


@extend_schema_field(ReportDefinition)  # type: ignore[arg-type] # one that reports.api.schema describes
class DefinitionField(serializers.JSONField):
    """A definition that is not stored; checked where it is used."""


class CheckSerializer(StrictSerializer):
    """What to look at, and with which values; all of it may be left out."""

    parameters = serializers.DictField(
        required=False, default=dict, help_text="A required one that is not given is NULL."
    )
    definition = DefinitionField(
        required=False, allow_null=True, default=None, help_text="Looked at instead of the report's own; not stored."
    )
    preview = serializers.BooleanField(
        required=False, default=False, help_text="Whether to run the query for its first 50 rows. Audited."
    )


class ColumnSerializer(serializers.Serializer[Column]):
    """A column of the result."""

    name = serializers.CharField()
    type = serializers.CharField(help_text="As Arrow calls it.")


class FitSerializer(serializers.Serializer[FormatFit]):
    """Whether a format holds the result."""

    format = serializers.CharField()
    fits = serializers.BooleanField(
        source="fits.value", allow_null=True, help_text="null where that is only known after the run."
    )
    message = serializers.CharField(help_text="Why not, or empty.")
    seconds = serializers.FloatField(
        allow_null=True,
        help_text="What the run may take: the expected rows at the speed of earlier runs in this format. null where no "
        "rows are expected for certain, or no such run is known.",
    )
    secondsFrom = serializers.ChoiceField(
        ["report", "source", "format"],
        source="seconds_from",
        allow_null=True,
        help_text="Whose runs that speed is of: the report's own, those from its data source, or all in this format.",
    )


class ShownSerializer(ColumnSerializer):
    """A column of a preview."""

    isNumber = serializers.BooleanField(source="is_number")


class PreviewSerializer(serializers.Serializer[RowPreview]):
    """The first rows of the result."""

    columns = ShownSerializer(many=True)
    rows = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField(allow_null=True)),
        help_text="At most 50. Values are texts as in html and pdf, cut after 1,000 characters; null is NULL.",
    )
    truncated = serializers.BooleanField(help_text="Whether there are more rows.")
    fault = serializers.CharField(source="error", help_text="Why there are no rows to show, or empty.")


class TemplateFaultSerializer(serializers.Serializer[Diagnostic]):
    """A fault of the report's template."""

    line = serializers.IntegerField(allow_null=True, help_text="From 1; null where it is not known.")
    column = serializers.IntegerField(allow_null=True, help_text="From 1; null where it is not known.")
    message = serializers.CharField()


class PastSerializer(serializers.Serializer[RunHistory]):
    """How the report's newest runs went."""

    runs = serializers.IntegerField(help_text="How many succeeded, of the newest 30 that ended.")
    rows = serializers.IntegerField(help_text="Of the middle one.")
    seconds = serializers.FloatField(help_text="What half of them took at most.")
    mostSeconds = serializers.FloatField(source="most_seconds", help_text="What 95 % of them took at most.")


class CheckedSerializer(serializers.Serializer[CheckResult]):
    """What the data source says about the query."""

    valid = serializers.SerializerMethodField(help_text="Whether there are no faults.")
    faults = serializers.ListField(child=serializers.CharField(), source="errors", help_text="Sentences.")
    columns = ColumnSerializer(many=True)
    typesAreCertain = serializers.BooleanField(
        source="types_are_certain", help_text="false where types are seen from the first rows only, as with SQLite."
    )
    estimatedRows = serializers.IntegerField(
        source="estimated_rows", allow_null=True, help_text="What the engine's planner expects; it may be far off."
    )
    past = PastSerializer(
        source="run_history", allow_null=True, help_text="By which rows and time may be guessed; null before any."
    )
    formats = FitSerializer(many=True)
    templateFaults = TemplateFaultSerializer(
        many=True, source="template_errors", help_text="Those of `faults` that are the template's, with their places."
    )
    preview = PreviewSerializer(allow_null=True, help_text="null unless it was asked for and there are no faults.")

    def get_valid(self, result: CheckResult) -> bool:
        return not result.errors
