"""API calls about data sources, for Administrators."""

from __future__ import annotations

import logging
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView, ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.permissions import IsAdministrator
from accounts.models import User
from common.api.schema import errors, header
from reports.api import bodies
from reports.api.source_serializers import (
    SourceBodySerializer,
    SourceCheckSerializer,
    SourceSerializer,
    TablesSerializer,
    source_url,
)
from reports.data_sources import actions
from reports.data_sources.body import SourceBody, parse_source, source_entry
from reports.data_sources.usage import uses_of
from reports.definitions import merge_patch
from reports.definitions.errors import invalid_definition
from reports.models import DataSource

log = logging.getLogger(__name__)
KEY = OpenApiParameter("key", OpenApiTypes.STR, OpenApiParameter.PATH, description="The data source's id or slug.")
_SEARCH = OpenApiParameter("q", OpenApiTypes.STR, description="Text in the name of a table or column.")
_LOCATION = header("Location", "The URL of the data source.", 201, type=OpenApiTypes.URI)
_CHANGE_ERRORS = errors(400, 401, 403, 404, 409, 413, 415, 429)


class SourceView(GenericAPIView[DataSource]):
    """A call about data sources."""

    serializer_class = SourceSerializer
    queryset = DataSource.objects.none()

    @property
    def user(self) -> User:
        return self.request.user  # type: ignore[return-value]

    def find(self, key: str) -> DataSource:
        return DataSource.objects.find_administered(self.user, key)

    def represent(self, source: DataSource) -> dict[str, Any]:
        context = {**self.get_serializer_context(), "uses_by_id": uses_of([source])}
        return dict(SourceSerializer(source, context=context).data)


class SourceList(SourceView, ListAPIView[DataSource]):
    """The data sources of the tenant, by slug."""

    permission_classes = [IsAdministrator]
    ordering = ("slug", "id")

    def get_queryset(self) -> QuerySet[DataSource]:
        return DataSource.objects.in_tenant_of(self.user)

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        kwargs["context"] = {**self.get_serializer_context(), "uses_by_id": uses_of(args[0])}
        return SourceSerializer(*args, **kwargs)

    @extend_schema(responses={200: SourceSerializer(many=True), **errors(401, 403, 429)})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)

    @extend_schema(
        request=SourceBodySerializer,
        responses={201: SourceSerializer, **errors(400, 401, 403, 413, 415, 429)},
        parameters=[_LOCATION],
    )
    def post(self, request: Request) -> Response:
        """Create a data source. It needn't answer yet: test it."""
        body = parse_source(bodies.with_tenant(request.data, self.user))
        tenant = bodies.named_tenant(body.tenant, self.user)
        source = actions.create_source(body=body, tenant=tenant, actor=self.user)
        return Response(self.represent(source), status.HTTP_201_CREATED, headers={"Location": source_url(source)})


class SourceDetail(SourceView):
    """One data source."""

    @extend_schema(parameters=[KEY], responses={200: SourceSerializer, **errors(401, 403, 404, 409, 429)})
    def get(self, request: Request, key: str) -> Response:
        """Return the data source, with what uses it."""
        return Response(self.represent(self.find(key)))

    @extend_schema(parameters=[KEY], request=SourceBodySerializer, responses={200: SourceSerializer, **_CHANGE_ERRORS})
    def put(self, request: Request, key: str) -> Response:
        """Replace what is stored, except a URL that isn't in the body."""
        source = self.find(key)
        return self._update(source, parse_source({"tenant": source.tenant.slug} | bodies.json_object(request.data)))

    @extend_schema(parameters=[KEY], request=OpenApiTypes.OBJECT, responses={200: SourceSerializer, **_CHANGE_ERRORS})
    def patch(self, request: Request, key: str) -> Response:
        """Change some fields by a JSON merge patch (RFC 7396)."""
        source = self.find(key)
        patch = bodies.json_object(request.data)
        return self._update(source, parse_source(merge_patch(source_entry(source), patch)))

    @extend_schema(parameters=[KEY], responses={204: None, **errors(401, 403, 404, 409, 429)})
    def delete(self, request: Request, key: str) -> Response:
        """Delete the data source. 409 `source_in_use` while a report, choices or recipients' query uses it."""
        actions.delete_source(source=self.find(key), actor=self.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _update(self, source: DataSource, body: SourceBody) -> Response:
        if body.tenant != source.tenant.slug:
            raise invalid_definition({"tenant": ["A data source can't move to another tenant."]})
        return Response(self.represent(actions.update_source(source=source, body=body, actor=self.user)))


class SourceTest(SourceView):
    """A test of a data source."""

    @extend_schema(
        operation_id="source_test",
        parameters=[KEY],
        request=None,
        responses={200: SourceCheckSerializer, **errors(401, 403, 404, 409, 429, 503)},
    )
    def post(self, request: Request, key: str) -> Response:
        """Ask the source whether it answers, and what its account may do beyond reading. Takes seconds at most.

        What the source's driver said is in the server's log.
        """
        source = self.find(key)
        found = actions.test_source(source=source, actor=self.user)
        if found.driver_message:
            log.warning("Data source %s said: %s", source.pk, found.driver_message)
        return Response(SourceCheckSerializer(found).data)


class SourceTableList(SourceView):
    """The tables of a data source."""

    @extend_schema(
        operation_id="source_tables",
        parameters=[KEY, _SEARCH],
        responses={200: TablesSerializer, **errors(401, 403, 404, 409, 429, 503)},
    )
    def get(self, request: Request, key: str) -> Response:
        """Return the first 50 tables with their columns. Takes seconds at most."""
        source, text = self.find(key), request.query_params.get("q", "")[:100]
        found = actions.browse_source(source=source, search=text, actor=self.user)
        if found.driver_message:
            log.warning("Data source %s said: %s", source.pk, found.driver_message)
        return Response(TablesSerializer(found).data)
