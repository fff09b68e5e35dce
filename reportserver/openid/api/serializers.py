"""Identity providers as the API represents them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.models import IdentityProvider
from reportserver.openid.flow import redirect_uri
from reportserver.openid.providers import definition_of
from reportserver.openid.sign_out import post_logout_redirect_uri


def provider_url(provider: IdentityProvider) -> str:
    return f"{settings.PUBLIC_URL}/api/v1/identity-providers/{provider.pk}"


class IdentityProviderSerializer(serializers.Serializer[IdentityProvider]):
    """A provider from `providers_of`."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    enabled = serializers.BooleanField(help_text="Whether people can sign in through it.")
    hasClientSecret = serializers.SerializerMethodField(help_text="The secret itself is never shown.")
    people = serializers.IntegerField(help_text="How many active users are linked to an identity of it.")
    redirectUri = serializers.SerializerMethodField(help_text="To be registered at the provider.")
    postLogoutRedirectUri = serializers.SerializerMethodField(help_text="To be registered at the provider, too.")
    definition = serializers.SerializerMethodField(help_text="What PATCH changes.")

    def get_hasClientSecret(self, provider: IdentityProvider) -> bool:
        return bool(provider.encrypted_client_secret)

    @extend_schema_field(OpenApiTypes.URI)
    def get_redirectUri(self, provider: IdentityProvider) -> str:
        return redirect_uri(provider)

    @extend_schema_field(OpenApiTypes.URI)
    def get_postLogoutRedirectUri(self, provider: IdentityProvider) -> str:
        return post_logout_redirect_uri()

    @extend_schema_field({"$ref": "#/components/schemas/IdentityProviderRequestRequest"})
    def get_definition(self, provider: IdentityProvider) -> dict[str, Any]:
        return definition_of(provider).entry()


class ProviderTestSerializer(serializers.Serializer[Any]):
    """What came of asking a provider for its configuration and keys."""

    problems = serializers.ListField(child=serializers.CharField(), help_text="Sentences; empty if all is well.")
