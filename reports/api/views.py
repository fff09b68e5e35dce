"""The calls about reports. A view parses, authorizes, makes one call and answers."""

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
from reports.api.schema import ReportDefinitionExtension  # noqa: F401 -- known to drf-spectacular once imported
from reports.api.serializers import CheckedSerializer, CheckSerializer, ReportSerializer, report_url
from reports.definitions import ReportDefinition
from reports.definitions.from_database import prefetch_definitions
from reports.dry_run.check import CheckResult
from reports.exceptions import RunError
from reports.models import ReportConfiguration

log = logging.getLogger(__name__)
_KEY = OpenApiParameter("key", OpenApiTypes.STR, OpenApiParameter.PATH, description="The report's id or slug.")
_LOCATION = header("Location", "The address of the report.", 201, type=OpenApiTypes.URI)


class ReportView(GenericAPIView[ReportConfiguration]):
    """A call about reports."""

    serializer_class = ReportSerializer
    queryset = ReportConfiguration.objects.none()

    @property
    def user(self) -> User:
        return self.request.user  # type: ignore[return-value]

    def get_queryset(self) -> QuerySet[ReportConfiguration]:
        """What the caller may see, with all that is shown of it, in a number of queries that does not grow with it."""
        reports = ReportConfiguration.objects.visible_to(self.user).filter(current__isnull=False).with_rights(self.user)
        if self.user.is_administrator:
            return prefetch_definitions(reports)
        return reports.select_related("current").prefetch_related("current__delivery_targets")

    def administer(self, key: str) -> ReportConfiguration:
        """The report, for an Administrator; 403 for others."""
        return ReportConfiguration.objects.find_administered(self.user, key)

    def shown(self, report: ReportConfiguration) -> dict[str, Any]:
        """The report as the caller sees it; 403 without a right on it."""
        visible = self.get_queryset().filter(pk=report.pk).first()
        if visible is None:
            raise PermissionDenied("You have no right on this report.")
        return dict(self.get_serializer(visible).data)


class ReportList(ReportView, ListAPIView[ReportConfiguration]):
    """The reports that the caller may see or generate, by slug."""

    ordering = ("slug", "id")

    def get_permissions(self) -> Sequence[Any]:
        return [IsAdministrator()] if self.request.method == "POST" else super().get_permissions()

    @extend_schema(responses={200: ReportSerializer(many=True), **errors(401, 429)})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)

    @extend_schema(
        request=ReportDefinition,
        responses={201: ReportSerializer, **errors(400, 401, 403, 413, 415, 429)},
        parameters=[_LOCATION],
    )
    def post(self, request: Request) -> Response:
        """Make a report. Superusers name its `tenant`; for others it is their own."""
        definition, tenant = bodies.new_report(request.data, self.user)
        report = actions.create_report(definition=definition, tenant=tenant, actor=self.user)
        return Response(self.shown(report), status.HTTP_201_CREATED, headers={"Location": report_url(report)})


class ReportDetail(ReportView):
    """One report."""

    @extend_schema(parameters=[_KEY], responses={200: ReportSerializer, **errors(401, 403, 404, 409, 429)})
    def get(self, request: Request, key: str) -> Response:
        """The report, with what it asks for and what the caller may do with it."""
        return Response(self.shown(ReportConfiguration.objects.find_complete(self.user, key)))

    @extend_schema(
        parameters=[_KEY],
        request=ReportDefinition,
        responses={200: ReportSerializer, **errors(400, 401, 403, 404, 409, 413, 415, 429)},
    )
    def put(self, request: Request, key: str) -> Response:
        """Replace the definition. What is left out goes back to its default; a change makes a new version."""
        report = self.administer(key)
        definition = bodies.whole_report(request.data, report)
        return Response(self.shown(actions.update_report(report=report, definition=definition, actor=self.user)))

    @extend_schema(
        parameters=[_KEY],
        request=OpenApiTypes.OBJECT,
        responses={200: ReportSerializer, **errors(400, 401, 403, 404, 409, 413, 415, 429)},
    )
    def patch(self, request: Request, key: str) -> Response:
        """Change some fields of the definition by a JSON merge patch (RFC 7396); null takes one back to its default."""
        report = self.administer(key)
        patch = bodies.mapping(request.data)
        return Response(self.shown(actions.patch_report(report=report, patch=patch, actor=self.user)))

    @extend_schema(parameters=[_KEY], responses={204: None, **errors(401, 403, 404, 409, 429)})
    def delete(self, request: Request, key: str) -> Response:
        """Delete the report. Its jobs stay, but can't be retried."""
        actions.delete_report(report=self.administer(key), actor=self.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ReportCheck(ReportView):
    """A look at a report before it is run."""

    @extend_schema(
        operation_id="validate",
        parameters=[_KEY],
        request=CheckSerializer,
        responses={200: CheckedSerializer, **errors(400, 401, 403, 404, 409, 413, 415, 429)},
    )
    def post(self, request: Request, key: str) -> Response:
        """Ask the data source whether it takes the query, what comes out, how much, and which formats hold it.

        For Administrators. No definition is stored. The query is run for a `preview` only; the answer takes a few
        seconds at most. What the data source itself said is in the server's log.
        """
        report = self.administer(key)
        body = CheckSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(CheckedSerializer(self._checked(report, body.validated_data)).data)

    def _checked(self, report: ReportConfiguration, body: Mapping[str, Any]) -> CheckResult:
        try:
            subject = bodies.subject(body, report)
        except RunError as error:
            return CheckResult(errors=[error.message])
        given, with_rows = body["parameters"], body["preview"]
        found = actions.dry_run_report(
            report=report, target=subject, parameters=given, actor=self.user, with_preview=with_rows
        )
        if said := found.driver_message or (found.preview and found.preview.driver_message):
            log.warning("The data source of report %s said: %s", report.pk, said)
        return found
