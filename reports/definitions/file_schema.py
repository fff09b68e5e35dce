"""The definitions file: tenants, users, data sources, reports, and the sections of other apps."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

from pydantic import Field, ValidationError, create_model, model_validator

from accounts.attributes import RESERVED
from reports.definitions.base import Definition
from reports.definitions.errors import FieldErrors, InvalidFields, duplicates, from_pydantic
from reports.definitions.field_types import (
    AttributeName,
    Domain,
    Email,
    EnvName,
    FlatValue,
    Locale,
    Name,
    PlainPath,
    Role,
    TenantSlug,
    ThingSlug,
    TimeZone,
    Username,
)  # fmt: skip
from reports.definitions.file_sections import file_sections
from reports.definitions.providers.definition import IdentityDefinition, IdentityProviderDefinition
from reports.definitions.report import ReportDefinition

#: Kinds of data source with a URL. The others have a path.
SERVERS = ("postgresql", "sql", "adbc", "lake")


class AttributeDefinition(Definition):
    """What a tenant knows of its users, for queries that depend on who runs them."""

    type: Literal["string", "integer", "number", "boolean", "date", "datetime"] = Field(
        description="The type of the value."
    )
    multiple: bool = Field(default=False, description="Whether a user has a list of values, for `in :caller_name`.")


class TenantDefinition(Definition):
    """An organization. Nothing crosses tenants."""

    slug: TenantSlug = Field(description="The name that other entries refer to: letters, digits, - and _.")
    name: Name = Field(description="The name that people see.")
    time_zone: TimeZone | None = Field(
        default=None,
        description="In which relative dates such as today are resolved, unless a report has its own. By default, UTC.",
    )
    recipient_domains: list[Domain] = Field(
        default=[],
        max_length=50,
        description="To whose e-mail addresses schedules of users may send, besides the users' own. Administrators may "
        "send to any.",
    )
    require_second_factor: bool = Field(
        default=False, description="Its people sign in with a password and the code of an authenticator app."
    )
    attributes: dict[AttributeName, AttributeDefinition] | None = Field(
        default=None,
        max_length=50,
        description="What queries can know of a user as :caller_ and the name. By default, what is stored stays.",
    )
    locale: Locale | None = Field(
        default=None,
        description="How html, pdf and xlsx write numbers and dates, unless a report has its own. By default, en.",
    )

    @model_validator(mode="after")
    def _check_attributes(self) -> TenantDefinition:
        reserved = [name for name in self.attributes or {} if name in RESERVED]
        if reserved:
            raise InvalidFields({f"attributes.{name}": ["Every user has this one."] for name in reserved})
        return self


class UserDefinition(Definition):
    """A person or program that signs in."""

    username: Username = Field(description="Unique on the whole server.")
    tenant: TenantSlug = Field(description="The slug of the tenant.")
    roles: list[Role] = Field(
        default=[],
        max_length=100,
        description="Administrators can do everything in the tenant. Other roles are names of your choice.",
    )
    password_env: EnvName | None = Field(
        default=None,
        description="The environment variable with the password. Required for a new user without identities.",
    )
    email: Email | None = Field(default=None, description="The e-mail address. By default, what is stored stays.")
    attributes: dict[AttributeName, FlatValue] | None = Field(
        default=None,
        max_length=50,
        description="Values of the tenant's attributes. By default, what is stored stays.",
    )
    identities: list[IdentityDefinition] | None = Field(
        default=None,
        max_length=20,
        description="How identity providers know the user. By default, what is stored stays.",
    )
    service: bool = Field(
        default=False,
        description="A service account: a program. It has no password and can't sign in; it calls the API with keys.",
    )

    @model_validator(mode="after")
    def _check_password(self) -> UserDefinition:
        if self.service and self.password_env:
            raise InvalidFields({"password_env": ["A service account has no password."]})
        return self


class DataSourceDefinition(Definition):
    """A database or folder that reports read from. Read-only."""

    slug: ThingSlug = Field(description="Unique in the tenant.")
    tenant: TenantSlug = Field(description="The slug of the tenant.")
    kind: Literal["sqlite", "duckdb", "files", "postgresql", "sql", "adbc", "lake"] = Field(
        description="sqlite, duckdb: a database file. files: a folder whose CSV, Parquet and JSON files are tables. "
        "postgresql: a server. sql: another database server, for example mysql or mariadb. adbc: a database with an "
        "ADBC driver, for example snowflake. lake: Parquet, Delta and Iceberg tables in object storage."
    )
    location: PlainPath | None = Field(
        default=None, description="The path of the file or folder, relative to this file. For sqlite, duckdb and files."
    )
    uploads: bool | None = Field(
        default=None,
        description="Of kind files: Administrators upload them on the source's page. Instead of location.",
    )
    url_env: EnvName | None = Field(
        default=None,
        description="The environment variable with postgresql://… or another URL. For kinds without location.",
    )

    @model_validator(mode="after")
    def _check_location(self) -> DataSourceDefinition:
        needed, other = ("url_env", "location") if self.kind in SERVERS else ("location", "url_env")
        errors: FieldErrors = {}
        if self.uploads:
            if self.kind != "files":
                errors["uploads"] = ["Only files can be uploaded."]
            if self.location is not None:
                errors["location"] = ["Uploaded files have no location. The server keeps them."]
        elif getattr(self, needed) is None:
            errors[needed] = [f"A data source of kind {self.kind} needs {needed}."]
        if getattr(self, other) is not None:
            errors[other] = [f"A data source of kind {self.kind} has {needed}, not {other}."]
        if errors:
            raise InvalidFields(errors)
        return self


class Definitions(Definition):
    """The definitions file of the report server."""

    tenants: list[TenantDefinition] = []
    identity_providers: list[IdentityProviderDefinition] = []
    users: list[UserDefinition] = []
    data_sources: list[DataSourceDefinition] = []
    reports: list[ReportDefinition] = []

    def section(self, name: str) -> Sequence[Any]:
        """Return the entries of a section that another app registered."""
        return getattr(self, name, [])

    @model_validator(mode="after")
    def _check_duplicates(self) -> Definitions:
        errors = duplicates("tenants", [tenant.slug for tenant in self.tenants], "slug")
        errors |= duplicates("users", [user.username for user in self.users], "username")
        for name in ("identity_providers", "data_sources", "reports", *(section.name for section in file_sections())):
            errors |= duplicates(name, [(entry.tenant, entry.slug) for entry in self.section(name)], "slug")
        if errors:
            raise InvalidFields(errors)
        return self


@cache
def file_type() -> type[Definitions]:
    """Return the type of a whole file, with the sections of all apps."""
    sections: dict[str, Any] = {section.name: (list[section.definition], []) for section in file_sections()}  # type: ignore[name-defined]
    return create_model("Definitions", __base__=Definitions, __doc__=Definitions.__doc__, **sections)


def parse(data: object) -> Definitions:
    """Read the data of a file. Raises InvalidDefinition with all errors by path."""
    try:
        return file_type().model_validate(data)
    except ValidationError as error:
        raise from_pydantic(error) from None


def editor_schema() -> dict[str, Any]:
    """Return the JSON Schema of the file, for editors: reports/definitions.schema.json."""
    schema = file_type().model_json_schema()
    # Replaced by the template while the file is read, so the type doesn't have it.
    schema["$defs"]["ReportDefinition"]["properties"]["template_file"] = {
        "type": "string",
        "description": "The path of a file with the template, relative to this file. Instead of template.",
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema
