"""API calls about reports."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import GenericAPIView, ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.permissions import IsAdministrator
from accounts.models import User
from common.api.schema import errors, header
from reports import actions
from reports.api import bodies
from reports.api.schema import ReportDefinitionExtension  # noqa: F401 -- importing it registers it
from reports.api.serializers import CheckResultSerializer, CheckSerializer, ReportSerializer, report_url
from reports.definitions import ReportDefinition
from reports.definitions.from_database import prefetch_definitions
from reports.dry_run.check import CheckResult
from reports.exceptions import RunError
from reports.models import ReportConfiguration
from reports.permissions import rights_on

log = logging.getLogger(__name__)
_KEY = OpenApiParameter("key", OpenApiTypes.STR, OpenApiParameter.PATH, description="The report's id or slug.")
_LOCATION = header("Location", "The URL of the report.", 201, type=OpenApiTypes.URI)


class ReportView(GenericAPIView[ReportConfiguration]):
    """A call about reports."""

    serializer_class = ReportSerializer
    queryset = ReportConfiguration.objects.none()

    @property
    def user(self) -> User:
        return self.request.user  # type: ignore[return-value]

    def get_queryset(self) -> QuerySet[ReportConfiguration]:
        """Return the reports that the caller can see, with what their representation needs loaded."""
        reports = ReportConfiguration.objects.visible_to(self.user).filter(current__isnull=False).with_rights(self.user)
        if self.user.is_administrator:
            return prefetch_definitions(reports)
        return reports.select_related("current").prefetch_related("current__delivery_targets")

    def administered_report(self, key: str) -> ReportConfiguration:
        return ReportConfiguration.objects.find_administered(self.user, key)

    def represent(self, report: ReportConfiguration) -> dict[str, Any]:
        """Return the report as the caller can see it. 403 without a right on it."""
        visible = self.get_queryset().filter(pk=report.pk).first()
        if visible is None:
            rights_on(self.user, report.pk)  # a key remembers that it was the reason
            raise PermissionDenied("You don't have access to this report.")
        return dict(self.get_serializer(visible).data)


class ReportList(ReportView, ListAPIView[ReportConfiguration]):
    """The reports that the caller can view or run, by slug."""

    ordering = ("slug", "id")

    def get_permissions(self) -> Sequence[Any]:
        return [IsAdministrator()] if self.request.method == "POST" else super().get_permissions()

    @extend_schema(responses={200: ReportSerializer(many=True), **errors(401, 429)})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)

    @extend_schema(
        request=ReportDefinition,
        responses={201: ReportSerializer, **errors(400, 401, 403, 413, 415, 429, 503)},
        parameters=[_LOCATION],
    )
    def post(self, request: Request) -> Response:
        """Create a report. Superusers name its `tenant`; for others it is their own."""
        definition, tenant = bodies.new_report(request.data, self.user)
        report = actions.create_report(definition=definition, tenant=tenant, actor=self.user)
        return Response(self.represent(report), status.HTTP_201_CREATED, headers={"Location": report_url(report)})


class ReportDetail(ReportView):
    """One report."""

    @extend_schema(parameters=[_KEY], responses={200: ReportSerializer, **errors(401, 403, 404, 409, 429)})
    def get(self, request: Request, key: str) -> Response:
        """Return the report, with its parameters and the caller's rights."""
        return Response(self.represent(ReportConfiguration.objects.find_complete(self.user, key)))

    @extend_schema(
        parameters=[_KEY],
        request=ReportDefinition,
        responses={200: ReportSerializer, **errors(400, 401, 403, 404, 409, 413, 415, 429, 503)},
    )
    def put(self, request: Request, key: str) -> Response:
        """Replace the definition. Omitted fields are reset to their default. A change creates a new version."""
        report = self.administered_report(key)
        definition = bodies.changed_report(request.data, report)
        return Response(self.represent(actions.update_report(report=report, definition=definition, actor=self.user)))

    @extend_schema(
        parameters=[_KEY],
        request=OpenApiTypes.OBJECT,
        responses={200: ReportSerializer, **errors(400, 401, 403, 404, 409, 413, 415, 429, 503)},
    )
    def patch(self, request: Request, key: str) -> Response:
        """Change some fields of the definition by a JSON merge patch (RFC 7396). null resets one to its default."""
        report = self.administered_report(key)
        patch = bodies.json_object(request.data)
        return Response(self.represent(actions.patch_report(report=report, patch=patch, actor=self.user)))

    @extend_schema(parameters=[_KEY], responses={204: None, **errors(401, 403, 404, 409, 429)})
    def delete(self, request: Request, key: str) -> Response:
        """Delete the report. Its jobs stay but can't be retried."""
        actions.delete_report(report=self.administered_report(key), actor=self.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ReportCheck(ReportView):
    """A dry run of a report."""

    @extend_schema(
        operation_id="validate",
        parameters=[_KEY],
        request=CheckSerializer,
        responses={200: CheckResultSerializer, **errors(400, 401, 403, 404, 409, 413, 415, 429, 503)},
    )
    def post(self, request: Request, key: str) -> Response:
        """Ask the data source whether it accepts the query, for its columns and rows, and which formats can hold them.

        For Administrators. No definition is stored, and the query only runs for a `preview`. Takes a few seconds at
        most. What the data source's driver said is in the server's log.
        """
        report = self.administered_report(key)
        body = CheckSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        result = self._check(report, body.validated_data)
        if message := result.driver_message or (result.first_preview and result.first_preview.driver_message):
            log.warning("The data source of report %s said: %s", report.pk, message)
        return Response(CheckResultSerializer(result).data)

    def _check(self, report: ReportConfiguration, body: Mapping[str, Any]) -> CheckResult:
        try:
            target = bodies.dry_run_target(body, report, self.user)
        except RunError as error:
            return CheckResult(errors=[error.message])
        return actions.dry_run_report(
            report=report,
            target=target,
            parameters=body["parameters"],
            actor=self.user,
            with_preview=body["preview"],
        )
