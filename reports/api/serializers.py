"""Reports and their checks, as the API returns them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from common.api.strict import StrictSerializer
from reports.choices.results import Choice, ChoicesPage
from reports.definitions import ReportDefinition
from reports.definitions.from_database import definition_of
from reports.documents.diagnostics import Diagnostic
from reports.dry_run.check import CheckedSection, CheckResult
from reports.dry_run.results import Column, FormatFit, RowPreview
from reports.models import ReportConfiguration
from reports.parameters.json_schema import json_schema
from reports.parameters.rules import Rule
from reports.permissions import Right
from reports.rendering.base import Section
from reports.runner_port import RunHistory
from reports.targets.models import DeliveryTarget

RIGHTS = (*map(str, Right), "administer")


def report_url(report: ReportConfiguration) -> str:
    """Return the absolute URL. It has the id: slugs change, and are unique in a tenant only."""
    return f"{settings.PUBLIC_URL}/api/v1/reports/{report.pk}"


class DeliverySerializer(serializers.Serializer[DeliveryTarget]):
    """Where results go. Only Administrators see addresses, in `definition`."""

    kind = serializers.ChoiceField(choices=DeliveryTarget.Kind.choices)
    mode = serializers.SerializerMethodField(help_text="asynchronous or synchronous; null unless kind is api_response.")

    def get_mode(self, target: DeliveryTarget) -> str | None:
        return target.mode or None


class RuleSerializer(serializers.Serializer[Rule]):
    """A condition between parameters, and what the caller is told if it isn't met."""

    check = serializers.CharField()
    message = serializers.CharField()


class SectionSerializer(serializers.Serializer[Section]):
    """A section, to be chosen by its name."""

    name = serializers.CharField()
    title = serializers.CharField()


@extend_schema_field(ReportDefinition)  # type: ignore[arg-type] # reports.api.schema describes it
class StoredDefinitionField(serializers.Field[ReportConfiguration, Any, dict[str, Any], Any]):
    """The report's stored definition. Left out for callers who don't administer the report."""

    def get_attribute(self, report: ReportConfiguration) -> ReportConfiguration:
        if not self.context["request"].user.administers(report.tenant_id):
            raise serializers.SkipField
        return report

    def to_representation(self, report: ReportConfiguration) -> dict[str, Any]:
        return definition_of(report).entry()


class ReportSerializer(serializers.Serializer[ReportConfiguration]):
    """A report from `ReportQuerySet.with_rights(user)`, where `user` made the request."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField(source="version.name")
    description = serializers.CharField(source="version.description")
    folder = serializers.CharField(help_text='Where the list of reports has it: names with "/" between; "" in none.')
    tags = serializers.ListField(child=serializers.CharField())
    version = serializers.IntegerField(source="version.number", help_text="Increases with every change.")
    parameters = serializers.SerializerMethodField(help_text="JSON Schema (2020-12) of the `parameters` to send.")
    rules = RuleSerializer(many=True, source="version.rules", help_text="Conditions between parameters.")
    formats = serializers.ListField(
        child=serializers.CharField(), source="version.formats", help_text="The first is the default."
    )
    sections = SectionSerializer(
        many=True,
        source="version.sections",
        help_text="Its parts, each with rows of its own; csv, ndjson and parquet have one of them. Empty for most "
        "reports.",
    )
    delivery = DeliverySerializer(many=True, source="version.delivery_targets.all")
    deliver = serializers.CharField(
        source="version.deliver",
        help_text="When results go to other targets than the API: `on_request`, if generate says so, or `always`.",
    )
    rights = serializers.SerializerMethodField(help_text="The caller's rights on the report.")
    url = serializers.SerializerMethodField()
    createdAt = serializers.DateTimeField(source="created_at")
    updatedAt = serializers.DateTimeField(source="version.created_at", help_text="When this version was created.")
    definition = StoredDefinitionField(
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


class ChoiceSerializer(serializers.Serializer[Choice]):
    """A value that the parameter can have, and what people see in its place."""

    value = serializers.JSONField(help_text="Of the parameter's type.")
    label = serializers.CharField()  # type: ignore[assignment] # DRF's own `label` is replaced by this field


class ChoicesSerializer(serializers.Serializer[ChoicesPage]):
    """The first choices that match."""

    choices = ChoiceSerializer(many=True)
    more = serializers.BooleanField(help_text="Whether others match. Search for them with q.")


@extend_schema_field(ReportDefinition)  # type: ignore[arg-type] # reports.api.schema describes it
class DefinitionField(serializers.JSONField):
    """A definition that is not stored. It is validated where it is used."""


class CheckSerializer(StrictSerializer):
    """What to check, and with which values. All fields are optional."""

    parameters = serializers.DictField(required=False, default=dict, help_text="A missing required value is NULL.")
    definition = DefinitionField(
        required=False, allow_null=True, default=None, help_text="Checked in place of the stored one. Not stored."
    )
    preview = serializers.BooleanField(
        required=False, default=False, help_text="Whether to run the query for its first 50 rows. Audited."
    )


class ColumnSerializer(serializers.Serializer[Column]):
    """A column of the result."""

    name = serializers.CharField()
    type = serializers.CharField(help_text="The Arrow type.")


class FormatFitSerializer(serializers.Serializer[FormatFit]):
    """Whether a format can hold the result."""

    format = serializers.CharField()
    fits = serializers.BooleanField(
        source="fits.value", allow_null=True, help_text="null if it is known only after a run."
    )
    message = serializers.CharField(help_text="Why not, or empty.")
    seconds = serializers.FloatField(
        allow_null=True,
        help_text="Estimated run time: the estimated rows at the speed of earlier runs in this format. null without "
        "estimated rows or such runs.",
    )
    secondsFrom = serializers.ChoiceField(
        ["report", "source", "format"],
        source="seconds_from",
        allow_null=True,
        help_text="Whose runs the estimate uses: the report's own, those on its data source, or all in this format.",
    )


class PreviewColumnSerializer(ColumnSerializer):
    """A column of a preview."""

    isNumber = serializers.BooleanField(source="is_number")


class PreviewSerializer(serializers.Serializer[RowPreview]):
    """The first rows of the result."""

    columns = PreviewColumnSerializer(many=True)
    rows = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField(allow_null=True)),
        help_text="At most 50. Values are text as in html and pdf, cut after 1,000 characters; null is NULL.",
    )
    truncated = serializers.BooleanField(help_text="Whether there are more rows.")
    fault = serializers.CharField(source="error", help_text="Why there are no rows, or empty.")


class SectionCheckSerializer(serializers.Serializer[CheckedSection]):
    """What a check found out about a section."""

    name = serializers.CharField(source="section.name")
    title = serializers.CharField(source="section.title")
    columns = ColumnSerializer(many=True, source="section.columns")
    estimatedRows = serializers.IntegerField(source="section.estimated_rows", allow_null=True)
    preview = PreviewSerializer(allow_null=True)


class TemplateErrorSerializer(serializers.Serializer[Diagnostic]):
    """An error in the report's template."""

    line = serializers.IntegerField(allow_null=True, help_text="From 1; null if unknown.")
    column = serializers.IntegerField(allow_null=True, help_text="From 1; null if unknown.")
    message = serializers.CharField()


class RunHistorySerializer(serializers.Serializer[RunHistory]):
    """The report's newest runs."""

    runs = serializers.IntegerField(help_text="How many of the newest 30 finished runs succeeded.")
    rows = serializers.IntegerField(help_text="The median number of rows.")
    seconds = serializers.FloatField(help_text="The median run time.")
    mostSeconds = serializers.FloatField(source="most_seconds", help_text="The time within which 95 % of them ended.")


class CheckResultSerializer(serializers.Serializer[CheckResult]):
    """The outcome of a check."""

    valid = serializers.SerializerMethodField(help_text="True if `faults` is empty.")
    faults = serializers.ListField(child=serializers.CharField(), source="errors", help_text="Sentences.")
    columns = ColumnSerializer(many=True)
    typesAreCertain = serializers.BooleanField(
        source="types_are_certain", help_text="false if types are those of the first rows only, as with SQLite."
    )
    estimatedRows = serializers.IntegerField(
        source="estimated_rows", allow_null=True, help_text="The query planner's estimate, which may be far off."
    )
    past = RunHistorySerializer(
        source="run_history", allow_null=True, help_text="Earlier runs; null if there are none."
    )
    formats = FormatFitSerializer(many=True)
    templateFaults = TemplateErrorSerializer(
        many=True,
        source="template_errors",
        help_text="The `faults` that are in the template, with their position.",
    )
    preview = PreviewSerializer(
        source="first_preview", allow_null=True, help_text="null unless requested, or if there are faults."
    )
    sections = SectionCheckSerializer(
        many=True,
        source="checked_sections",
        help_text="Of a report with sections. `columns` and `preview` above are then those of the first one.",
    )

    def get_valid(self, result: CheckResult) -> bool:
        return not result.errors
