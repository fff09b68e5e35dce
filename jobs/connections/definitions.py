"""A connection as the API and the definitions file write it: the meaning, limits and default of each field."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from jobs.connections.channels import sftp, urls
from reports.definitions.base import Definition
from reports.definitions.errors import FieldErrors, InvalidFields, from_pydantic
from reports.definitions.field_types import EnvName, Principal, TenantSlug, Text, ThingSlug

_MAX_KEY = 20_000


def _check_host_key(text: str) -> str:
    if sentence := sftp.host_key_error(text):
        raise ValueError(sentence)
    return text


class ConnectionGrants(Definition):
    """Who may let schedules send to a connection, besides Administrators."""

    use: list[Principal] = Field(default=[], max_length=100, description='Roles, and users like "user:bob".')


class ConnectionDefinition(Definition):
    """A place outside to which schedules send results."""

    slug: ThingSlug = Field(description="Unique in the tenant; any except new.")
    tenant: TenantSlug = Field(description="The slug of the tenant.")
    kind: Literal["s3", "sftp", "slack", "teams"] = Field(
        description="s3: a bucket. sftp: a folder on an SSH server. slack, teams: a channel with an incoming webhook."
    )
    host_key: Annotated[str, Field(max_length=2000), AfterValidator(_check_host_key)] | None = Field(
        default=None,
        description="Of the only SSH server to talk to: a fingerprint like SHA256:… or its public key. For sftp.",
    )
    grants: ConnectionGrants = Field(default=ConnectionGrants(), description="Who may use it.")

    @model_validator(mode="after")
    def _check_kind(self) -> ConnectionDefinition:
        errors: FieldErrors = {}
        if self.slug == "new":
            errors["slug"] = ["This name is reserved. Choose another."]
        for field in ("host_key", "private_key", "private_key_env"):
            if self.kind != "sftp" and getattr(self, field, None) is not None:
                errors[field] = ["Only a connection of kind sftp has one."]
        if errors:
            raise InvalidFields(errors)
        return self

    def entry(self) -> dict[str, Any]:
        """Return what can be shown, with all defaults written out."""
        return self.model_dump(mode="json", include=set(ConnectionDefinition.model_fields))


class FileConnection(ConnectionDefinition):
    """A connection in the definitions file. Its address may be any, also in a private network."""

    url_env: EnvName = Field(
        description="The environment variable with s3://KEY:SECRET@bucket/folder?region=…&endpoint=…, "
        "sftp://user:password@host/folder or the address of an incoming webhook."
    )
    private_key_env: EnvName | None = Field(
        default=None, description="The environment variable with a private key, instead of a password. For sftp."
    )


class SentConnection(ConnectionDefinition):
    """A connection in a call of the API. What it doesn't say about secrets stays as it is stored."""

    url: Annotated[Text, Field(min_length=1, max_length=urls.MAX_LENGTH)] | None = Field(
        default=None, description="As url_env in the definitions file. Never shown. Required for a new connection."
    )
    private_key: Annotated[Text, Field(max_length=_MAX_KEY)] | None = Field(
        default=None, description="A private key, instead of a password; empty to remove it. Never shown. For sftp."
    )


def parse_connection(entry: object) -> SentConnection:
    """Raises InvalidDefinition with all errors by path."""
    try:
        return SentConnection.model_validate(entry)
    except ValidationError as error:
        raise from_pydantic(error) from None


def secret_errors(kind: str, url: str, private_key: str, *, names: tuple[str, str], by_operator: bool) -> FieldErrors:
    """Return what is wrong with the secrets of a connection. `names`: of the fields with URL and private key."""
    errors: FieldErrors = {}
    if sentence := urls.url_error(kind, url, has_private_key=bool(private_key), by_operator=by_operator):
        errors[names[0]] = [sentence]
    if private_key and (sentence := sftp.private_key_error(private_key)):
        errors[names[1]] = [sentence]
    return errors
