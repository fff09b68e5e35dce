"""What a report shows beside its rows: the parts of the definitions file about totals and the chart."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from reports.definitions.base import Definition
from reports.definitions.errors import FieldErrors, InvalidFields
from reports.definitions.field_types import Text
from reports.rendering.charts import specification

ColumnName = Annotated[Text, Field(min_length=1, max_length=200)]
Function = Literal["sum", "average", "min", "max", "count"]
_MAX_TOTALS = 100


def _named(columns: dict[str, Function]) -> dict[str, Function]:
    # Limits of the keys would become propertyNames, which OpenAPI 3.0 does not know.
    if not columns:
        raise ValueError("Must name at least one column.")
    if len(columns) > _MAX_TOTALS or any("\0" in name or not 1 <= len(name) <= 200 for name in columns):
        raise ValueError(f"Must name at most {_MAX_TOTALS} columns, each with 1 to 200 characters.")
    return columns


def _drawable(spec: dict[str, Any]) -> dict[str, Any]:
    if faults := specification.errors(spec):
        raise InvalidFields(faults)
    return spec


ChartSpec = Annotated[dict[str, Any], AfterValidator(_drawable)]


class TotalsDefinition(Definition):
    """Totals of groups and of everything. A query has to order its rows by the columns of `group_by`."""

    group_by: list[ColumnName] = Field(
        default=[], max_length=5, description="Columns; rows with the same values in them are a group. Outermost first."
    )
    columns: Annotated[dict[str, Function], AfterValidator(_named)] = Field(
        description="What is computed, by the name of the column."
    )
    grand: bool = Field(default=True, description="Whether there is a total of everything.")
    decimals: int | None = Field(
        default=None, ge=0, le=15, description="Digits of fraction of averages, and of sums of floating point numbers."
    )

    @model_validator(mode="after")
    def _meaningful(self) -> TotalsDefinition:
        faults: FieldErrors = {}
        if not self.group_by and not self.grand:
            faults["grand"] = ["Must be true where there is no group_by: there would be no total at all."]
        for at, name in enumerate(self.group_by):
            if name in self.group_by[:at]:
                faults[f"group_by[{at}]"] = ["There is one like this before; it must be there once only."]
            if name in self.columns:
                faults[f"columns.{name}"] = ["Is in group_by, and so has no total: its place is for the group's name."]
        if faults:
            raise InvalidFields(faults)
        return self
