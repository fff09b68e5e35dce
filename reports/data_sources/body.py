"""A data source as a form or a call of the API describes it. The URL is only ever written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from reports.definitions.base import Definition
from reports.definitions.errors import from_pydantic
from reports.definitions.field_types import STORABLE, ReportSlug, TenantSlug
from reports.models import DataSource


class SourceBody(Definition):
    """What Administrators enter about a data source."""

    # "new" would hide the page of the source.
    slug: ReportSlug = Field(description="Unique in the tenant.")
    tenant: TenantSlug = Field(description="The slug of the tenant.")
    kind: Literal["sqlite", "duckdb", "files", "postgresql", "sql", "adbc", "lake"] = Field(
        description="What it is. sqlite, duckdb and files have a location; the others have a url. The url of adbc "
        "can only be set by a definitions file."
    )
    uploads: bool = Field(default=False, description="Of kind files: they are uploaded, and the server keeps them.")
    location: Annotated[str, Field(max_length=1000), STORABLE] | None = Field(
        default=None, description="The absolute path of the file or folder."
    )
    url: Annotated[str, Field(max_length=2000), STORABLE] | None = Field(
        default=None,
        repr=False,
        description="postgresql://… or another URL. Stored encrypted, never returned; without it, a stored one stays.",
    )


def parse_source(data: Mapping[str, Any]) -> SourceBody:
    """Read what was entered. Raises InvalidDefinition with all errors by path."""
    try:
        return SourceBody.model_validate(data)
    except ValidationError as error:
        raise from_pydantic(error) from None


def source_entry(source: DataSource) -> dict[str, Any]:
    """Return what is stored, without the URL."""
    return {
        "slug": source.slug,
        "tenant": source.tenant.slug,
        "kind": source.kind,
        "uploads": source.is_uploads,
        "location": None if source.is_uploads else source.location or None,
    }
