"""Bursting: a query names the recipients of a schedule, and each gets a job with values or rows of its own."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from reports.definitions.base import Definition
from reports.definitions.field_types import STORABLE, Text, ThingSlug

Column = Annotated[str, Field(min_length=1, max_length=200), STORABLE]
#: Every recipient is a job, and all of a slot's jobs are made in one transaction.
MAX_RECIPIENTS = 2_000


class Recipients(Definition):
    """One job for each key in the rows of a query. Only Administrators can save it."""

    query: Text = Field(
        min_length=1,
        max_length=100_000,
        description="One SQL statement without :names. It runs at each slot, and returns one row for each address.",
    )
    data_source: ThingSlug | None = Field(
        default=None, description="The slug of a data source of the tenant. By default, the report's."
    )
    key: Column = Field(description="A column of the query whose values tell recipients apart: each gets one job.")
    parameters: dict[str, Column] = Field(
        default={}, max_length=100, description="By parameter of the report, the column with its value."
    )
    to: Column | None = Field(
        default=None,
        description="A column of the query with one e-mail address. Required if something is sent by e-mail.",
    )
    at_most: int = Field(
        default=500,
        ge=1,
        le=MAX_RECIPIENTS,
        description="If the query returns more rows, nothing is run and nothing is sent.",
    )
    split_by: Column | None = Field(
        default=None,
        description="A column of the report. One job reads its rows for all recipients, and each gets the rows whose "
        "text in this column is the key. By default, each recipient's job reads with values of its own.",
    )


def stored_recipients(entry: dict[str, object] | None) -> Recipients | None:
    """Return the recipients as a version has them; not validated again."""
    return Recipients.model_construct(None, **entry) if entry else None
