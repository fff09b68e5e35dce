"""API calls about identity providers, for Administrators: no key can be used for them."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView, ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.permissions import IsAdministrator, IsWithoutKey
from accounts.models import IdentityProvider, Tenant, User
from common.api.schema import errors, header
from reports.api.bodies import json_object, named_tenant, with_tenant
from reports.definitions.providers.definition import IdentityProviderRequest, parse_provider
from reportserver.openid.api.serializers import IdentityProviderSerializer, ProviderTestSerializer, provider_url
from reportserver.openid.providers import (
    create_provider,
    delete_provider,
    patch_provider,
    provider_to_manage,
    providers_of,
    test_provider,
)

_ID = OpenApiParameter("provider_id", str, OpenApiParameter.PATH)
_LOCATION = header("Location", "The URL of the provider.", 201, type=OpenApiTypes.URI)


class ProviderView(GenericAPIView[IdentityProvider]):
    """A call about identity providers."""

    permission_classes = [IsWithoutKey, IsAdministrator]
    serializer_class = IdentityProviderSerializer
    queryset = IdentityProvider.objects.none()

    @property
    def user(self) -> User:
        return self.request.user  # type: ignore[return-value]

    def get_queryset(self) -> QuerySet[IdentityProvider]:
        return providers_of(self.user)

    def represent(self, provider: IdentityProvider) -> dict[str, Any]:
        return dict(self.get_serializer(provider_to_manage(self.user, str(provider.pk))).data)


class ProviderList(ProviderView, ListAPIView[IdentityProvider]):
    """The tenant's identity providers, by name."""

    ordering = ("name", "id")

    @extend_schema(responses={200: IdentityProviderSerializer(many=True), **errors(401, 403, 429)})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)

    @extend_schema(
        request=IdentityProviderRequest,
        parameters=[_LOCATION],
        responses={201: IdentityProviderSerializer, **errors(400, 401, 403, 413, 415, 429, 503)},
    )
    def post(self, request: Request) -> Response:
        """Create an identity provider. Superusers name its `tenant`; for others it is their own."""
        definition, tenant = new_provider(request.data, self.user)
        provider = create_provider(definition=definition, tenant=tenant, actor=self.user)
        headers = {"Location": provider_url(provider)}
        return Response(self.represent(provider), status.HTTP_201_CREATED, headers=headers)


class ProviderDetail(ProviderView):
    """One identity provider."""

    @extend_schema(parameters=[_ID], responses={200: IdentityProviderSerializer, **errors(401, 403, 404, 429)})
    def get(self, request: Request, provider_id: str) -> Response:
        """Return the identity provider, without its secret."""
        return Response(self.get_serializer(provider_to_manage(self.user, provider_id)).data)

    @extend_schema(
        parameters=[_ID],
        request=OpenApiTypes.OBJECT,
        responses={200: IdentityProviderSerializer, **errors(400, 401, 403, 404, 413, 415, 429, 503)},
    )
    def patch(self, request: Request, provider_id: str) -> Response:
        """Change some fields by a JSON merge patch (RFC 7396). A new issuer needs the secret again."""
        provider = provider_to_manage(self.user, provider_id)
        patch_provider(provider=provider, patch=json_object(request.data), actor=self.user)
        return Response(self.represent(provider))

    @extend_schema(parameters=[_ID], responses={204: None, **errors(401, 403, 404, 429)})
    def delete(self, request: Request, provider_id: str) -> Response:
        """Delete the identity provider. Its users stay, and can't sign in through it any more."""
        delete_provider(provider=provider_to_manage(self.user, provider_id), actor=self.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ProviderTest(ProviderView):
    """A test of an identity provider."""

    @extend_schema(
        operation_id="identity_provider_test",
        parameters=[_ID],
        request=None,
        responses={200: ProviderTestSerializer, **errors(401, 403, 404, 429)},
    )
    def post(self, request: Request, provider_id: str) -> Response:
        """Ask the provider for its configuration and keys. Signs nobody in."""
        provider = provider_to_manage(self.user, provider_id)
        return Response({"problems": test_provider(provider)})


def new_provider(body: Any, user: User) -> tuple[IdentityProviderRequest, Tenant]:
    """Return the definition of a new provider, and its tenant. Raises InvalidDefinition."""
    definition = parse_provider(with_tenant(body, user))
    return definition, named_tenant(definition.tenant, user)
