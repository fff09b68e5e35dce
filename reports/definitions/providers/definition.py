"""An identity provider as files, the API and the page write it: the meaning and limits of each field."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationError, model_validator

from reports.definitions.base import Definition
from reports.definitions.errors import InvalidFields, from_pydantic
from reports.definitions.field_types import (
    STORABLE,
    AttributeName,
    EnvName,
    Name,
    Role,
    TenantSlug,
    ThingSlug,
    WebAddress,
)  # fmt: skip

NOT_ENCRYPTED = "Must start with https://, unless the provider runs on this host."


def is_encrypted_or_local(url: str) -> bool:
    """Whether nobody on the way can read or change what is sent there."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return True
    host = parts.hostname or ""
    try:
        return parts.scheme == "http" and (host == "localhost" or ip_address(host).is_loopback)
    except ValueError:
        return False


def _issuer(url: str) -> str:
    if not is_encrypted_or_local(url):
        raise ValueError(NOT_ENCRYPTED)
    if "?" in url or "#" in url:
        raise ValueError("Must have neither ? nor #.")
    return url


Issuer = Annotated[WebAddress, Field(max_length=500), AfterValidator(_issuer)]
Claim = Annotated[str, Field(min_length=1, max_length=200), STORABLE]
IdpGroup = Annotated[str, Field(min_length=1, max_length=250), STORABLE]


class ProviderFields(Definition):
    """What is the same wherever an identity provider is defined."""

    slug: ThingSlug = Field(description="Unique in the tenant. Part of the redirect URI.")
    tenant: TenantSlug = Field(description="The slug of the tenant.")
    name: Name = Field(description="The name on the sign-in page, which everybody sees.")
    issuer: Issuer = Field(
        description="The issuer exactly as the provider writes it: https://login.example.com. "
        "/.well-known/openid-configuration is below it."
    )
    client_id: Annotated[str, Field(min_length=1, max_length=500), STORABLE] = Field(
        description="The id by which the provider knows this server."
    )
    groups_claim: Claim | None = Field(
        default=None, description="The claim with a user's groups. Dots separate levels: realm_access.roles."
    )
    roles: dict[IdpGroup, Role] = Field(
        default={},
        max_length=200,
        description="Roles by group. At every sign-in a user gets and loses these roles, and no others.",
    )
    attributes: dict[Claim, AttributeName] = Field(
        default={},
        max_length=50,
        description="The tenant's attributes by claim. At every sign-in they are set, or removed without the claim.",
    )
    provision: bool = Field(default=False, description="Whether the first sign-in of somebody unknown creates a user.")
    enabled: bool | None = Field(
        default=None, description="Whether people can sign in through it. By default, what is stored stays."
    )

    @model_validator(mode="after")
    def _check_roles(self) -> ProviderFields:
        if self.roles and not self.groups_claim:
            raise InvalidFields({"groups_claim": ["Roles depend on groups: name the claim that has them."]})
        named = list(self.attributes.values())
        if twice := [claim for claim, name in self.attributes.items() if named.count(name) > 1]:
            raise InvalidFields({f"attributes.{twice[-1]}": ["Another claim sets this attribute."]})
        return self


class IdentityProviderDefinition(ProviderFields):
    """An OpenID provider through which the people of a tenant sign in."""

    client_secret_env: EnvName | None = Field(
        default=None, description="The environment variable with the client's secret. A public client has none."
    )


class IdentityProviderRequest(ProviderFields):
    """An identity provider as the API and the page write it: with the secret, which is never shown again."""

    client_secret: Annotated[str, Field(max_length=1000), STORABLE] | None = Field(
        default=None, repr=False, description="By default, what is stored stays. Empty for a public client."
    )

    def entry(self) -> dict[str, Any]:
        """Return what `parse_provider` reads back unchanged, without the secret."""
        return self.model_dump(mode="json", exclude={"client_secret"})


def parse_provider(entry: object) -> IdentityProviderRequest:
    """Raises InvalidDefinition with all errors by path."""
    try:
        return IdentityProviderRequest.model_validate(entry)
    except ValidationError as error:
        raise from_pydantic(error) from None


class IdentityDefinition(Definition):
    """How an identity provider knows a user."""

    provider: ThingSlug = Field(description="The slug of an identity provider of the tenant.")
    sub: Annotated[str, Field(min_length=1, max_length=255), STORABLE] = Field(
        description="The provider's id of the user, which never changes."
    )
