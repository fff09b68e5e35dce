"""The definitions file as a whole: tenants, users and data sources, and the reports of report.py."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from reports.definitions.base import Definition
from reports.definitions.errors import FieldErrors, InvalidFields, duplicates, from_pydantic
from reports.definitions.field_types import EnvName, Name, PlainPath, Role, TenantSlug, ThingSlug, Username
from reports.definitions.report import ReportDefinition

#: Kinds of data source that have a URL; the others have a path.
SERVERS = ("postgresql", "sql")


class TenantDefinition(Definition):
    """An organisation. Nothing crosses tenants."""

    slug: TenantSlug = Field(description="Its name in references: letters, digits, - and _.")
    name: Name = Field(description="Its name for people.")


class UserDefinition(Definition):
    """Somebody who signs in."""

    username: Username = Field(description="Unique on the whole server.")
    tenant: TenantSlug = Field(description="The slug of the tenant.")
    roles: list[Role] = Field(
        default=[], max_length=100, description="Administrator may do everything in the tenant; others are free."
    )
    password_env: EnvName | None = Field(
        default=None, description="The environment variable that holds the password; needed for a new user."
    )


class DataSourceDefinition(Definition):
    """Where rows come from; read-only."""

    slug: ThingSlug = Field(description="Unique in the tenant.")
    tenant: TenantSlug = Field(description="The slug of the tenant.")
    kind: Literal["sqlite", "duckdb", "files", "postgresql", "sql"] = Field(
        description="sqlite, duckdb: a database file; files: a folder whose CSV, Parquet and JSON files are tables; "
        "postgresql: a server; sql: another database server, as mysql or mariadb"
    )
    location: PlainPath | None = Field(
        default=None, description="Path of the file or folder, relative to this file. For sqlite, duckdb and files."
    )
    url_env: EnvName | None = Field(
        default=None,
        description="The environment variable that holds postgresql://… or another URL. For postgresql and sql.",
    )

    @model_validator(mode="after")
    def _place_of_its_kind(self) -> DataSourceDefinition:
        needed, other = ("url_env", "location") if self.kind in SERVERS else ("location", "url_env")
        faults: FieldErrors = {}
        if getattr(self, needed) is None:
            faults[needed] = [f"A data source of kind {self.kind} needs {needed}."]
        if getattr(self, other) is not None:
            faults[other] = [f"A data source of kind {self.kind} has {needed}, not {other}."]
        if faults:
            raise InvalidFields(faults)
        return self


class Definitions(Definition):
    """The definitions file of the report server."""

    tenants: list[TenantDefinition] = []
    users: list[UserDefinition] = []
    data_sources: list[DataSourceDefinition] = []
    reports: list[ReportDefinition] = []

    @model_validator(mode="after")
    def _no_twins(self) -> Definitions:
        faults = duplicates("tenants", [tenant.slug for tenant in self.tenants], "slug")
        faults |= duplicates("users", [user.username for user in self.users], "username")
        faults |= duplicates("data_sources", [(source.tenant, source.slug) for source in self.data_sources], "slug")
        faults |= duplicates("reports", [(report.tenant, report.slug) for report in self.reports], "slug")
        if faults:
            raise InvalidFields(faults)
        return self


def parse(data: object) -> Definitions:
    """The definitions in a file's data. Raises InvalidDefinition with every fault by path."""
    try:
        return Definitions.model_validate(data)
    except ValidationError as error:
        raise from_pydantic(error) from None


def editor_schema() -> dict[str, Any]:
    """JSON Schema of the file, for editors: reports/definitions.schema.json."""
    schema = Definitions.model_json_schema()
    # Read while the file is, and so no field of what it says.
    schema["$defs"]["ReportDefinition"]["properties"]["template_file"] = {
        "type": "string",
        "description": "Path of a file with the template, relative to this file; instead of template.",
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema
