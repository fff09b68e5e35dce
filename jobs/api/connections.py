"""API calls about connections. Nothing that they return contains a secret."""

from __future__ import annotations

from typing import Any

from django.conf import settings
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
from jobs.api.serializers import ConnectionSerializer, ConnectionTestSerializer
from jobs.connections import actions
from jobs.connections.definitions import SentConnection, parse_connection
from jobs.connections.models import Connection
from jobs.connections.permissions import connection_to_manage
from reports.api.bodies import json_object, named_tenant, with_tenant

_KEY = OpenApiParameter("key", OpenApiTypes.STR, OpenApiParameter.PATH, description="The connection's id or slug.")
_CREATED = header("Location", "The URL of the connection.", 201, type=OpenApiTypes.URI)
_CHANGE_ERRORS = errors(400, 401, 403, 404, 413, 415, 429)


def connection_url(connection: Connection) -> str:
    return f"{settings.PUBLIC_URL}/api/v1/connections/{connection.pk}"


class ConnectionView(GenericAPIView[Connection]):
    """A call about connections, for Administrators."""

    serializer_class = ConnectionSerializer
    queryset = Connection.objects.none()

    @property
    def user(self) -> User:
        return self.request.user  # type: ignore[return-value]

    def get_queryset(self) -> QuerySet[Connection]:
        return Connection.objects.in_tenant_of(self.user)

    def represent(self, connection: Connection) -> dict[str, Any]:
        return dict(self.get_serializer(connection).data)


class ConnectionList(ConnectionView, ListAPIView[Connection]):
    """The connections of the tenant, by slug."""

    permission_classes = [IsAdministrator]
    ordering = ("slug", "id")

    @extend_schema(responses={200: ConnectionSerializer(many=True), **errors(401, 403, 429)})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)

    @extend_schema(
        request=SentConnection,
        responses={201: ConnectionSerializer, **errors(400, 401, 403, 413, 415, 429)},
        parameters=[_CREATED],
    )
    def post(self, request: Request) -> Response:
        """Create a connection. Superusers name its `tenant`; for others it is their own."""
        definition = parse_connection(with_tenant(request.data, self.user))
        tenant = named_tenant(definition.tenant, self.user)
        connection = actions.create_connection(definition=definition, tenant=tenant, actor=self.user)
        headers = {"Location": connection_url(connection)}
        return Response(self.represent(connection), status.HTTP_201_CREATED, headers=headers)


class ConnectionDetail(ConnectionView):
    """One connection."""

    @extend_schema(parameters=[_KEY], responses={200: ConnectionSerializer, **errors(401, 403, 404, 409, 429)})
    def get(self, request: Request, key: str) -> Response:
        """Return the connection."""
        return Response(self.represent(connection_to_manage(self.user, key)))

    @extend_schema(parameters=[_KEY], request=SentConnection, responses={200: ConnectionSerializer, **_CHANGE_ERRORS})
    def put(self, request: Request, key: str) -> Response:
        """Replace the definition. Secrets that the body leaves out stay; other fields are reset to their default."""
        connection = connection_to_manage(self.user, key)
        definition = parse_connection({"tenant": connection.tenant.slug} | json_object(request.data))
        changed = actions.update_connection(connection=connection, definition=definition, actor=self.user)
        return Response(self.represent(changed))

    @extend_schema(
        parameters=[_KEY], request=OpenApiTypes.OBJECT, responses={200: ConnectionSerializer, **_CHANGE_ERRORS}
    )
    def patch(self, request: Request, key: str) -> Response:
        """Change some fields of the definition by a JSON merge patch (RFC 7396). null resets one to its default."""
        connection = connection_to_manage(self.user, key)
        patch = json_object(request.data)
        return Response(self.represent(actions.patch_connection(connection=connection, patch=patch, actor=self.user)))

    @extend_schema(parameters=[_KEY], responses={204: None, **errors(401, 403, 404, 409, 429)})
    def delete(self, request: Request, key: str) -> Response:
        """Delete the connection: 409 while a schedule sends to it."""
        actions.delete_connection(connection=connection_to_manage(self.user, key), actor=self.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ConnectionTestCall(ConnectionView):
    """A test of a connection."""

    @extend_schema(
        operation_id="connection_test",
        parameters=[_KEY],
        request=None,
        responses={200: ConnectionTestSerializer, **errors(401, 403, 404, 409, 429, 503)},
    )
    def post(self, request: Request, key: str) -> Response:
        """Write a small file and delete it, or post a message. 200 also if that fails: `ok` and `message` say so."""
        connection = connection_to_manage(self.user, key)
        found = actions.test_connection(connection=connection, actor=self.user)
        return Response(ConnectionTestSerializer(found).data)
