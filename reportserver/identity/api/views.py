"""API calls about the caller, and about API keys: for those people sign in, and no key can be used."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.permissions import IsWithoutKey
from accounts.models import ApiKey, User
from common.api.schema import errors, header
from reportserver.identity.api.serializers import (
    CallerSerializer,
    CreatedKeySerializer,
    KeySerializer,
    NewKeySerializer,
)
from reportserver.identity.api_keys import (
    KeyRequest,
    create_key,
    key_to_revoke,
    load_report_slugs,
    owner_named,
    revoke_key,
)

_LOCATION = header("Location", "The URL of the key.", 201, type=OpenApiTypes.URI)
_ID = OpenApiParameter("key_id", str, OpenApiParameter.PATH)


class Me(APIView):
    """The caller: a user, and the key that the call is made with."""

    @extend_schema(operation_id="me", responses={200: CallerSerializer, **errors(401, 429)})
    def get(self, request: Request) -> Response:
        """Return who makes the call. A program finds out what its key allows, and when it expires."""
        user: User = request.user  # type: ignore[assignment]
        key = ApiKey.objects.filter(pk=user.key.id).first() if user.key else None
        load_report_slugs([key] if key else [])
        caller = CallerSerializer({"user": user, "key": key})
        return Response(caller.data, headers={"Cache-Control": "private, no-store"})


class KeyList(ListAPIView[ApiKey]):
    """The caller's keys; for Administrators, those of all users of the tenant."""

    permission_classes = [IsWithoutKey]
    serializer_class = KeySerializer
    queryset = ApiKey.objects.none()
    ordering = ("created_at", "id")

    def get_queryset(self) -> QuerySet[ApiKey]:
        user: Any = self.request.user
        return ApiKey.objects.visible_to(user).filter(revoked_at=None).select_related("user")

    def paginate_queryset(self, queryset: Any) -> Any:
        page = super().paginate_queryset(queryset)
        load_report_slugs(page or [])
        return page

    @extend_schema(responses={200: KeySerializer(many=True), **errors(400, 401, 403, 429)})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)

    @extend_schema(
        request=NewKeySerializer,
        parameters=[_LOCATION],
        responses={201: CreatedKeySerializer, **errors(400, 401, 403, 409, 413, 415, 429, 503)},
    )
    def post(self, request: Request) -> Response:
        """Create a key. Its text is in the answer, and nowhere else: store it where the program reads its secrets."""
        user: User = request.user  # type: ignore[assignment]
        body = NewKeySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        asked = body.validated_data
        owner = owner_named(user, asked["user"])
        key_request = KeyRequest(owner, asked["name"], asked["expires"], asked["rights"], asked["reports"])
        key, text = create_key(key_request, actor=user)
        load_report_slugs([key])
        created = CreatedKeySerializer(key, context={"text": text})
        headers = {"Location": f"{settings.PUBLIC_URL}/api/v1/keys/{key.pk}", "Cache-Control": "no-store"}
        return Response(created.data, status.HTTP_201_CREATED, headers=headers)


class KeyDetail(APIView):
    """One key."""

    permission_classes = [IsWithoutKey]

    @extend_schema(operation_id="key_revoke", parameters=[_ID], responses={204: None, **errors(401, 403, 404, 429)})
    def delete(self, request: Request, key_id: str) -> Response:
        """Revoke a key. It is refused from the next call on."""
        user: User = request.user  # type: ignore[assignment]
        revoke_key(key_to_revoke(user, key_id), actor=user)
        return Response(status=status.HTTP_204_NO_CONTENT)
