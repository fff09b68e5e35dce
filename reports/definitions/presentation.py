"""What a report shows besides its rows: totals and a chart."""

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


def _check_names(columns: dict[str, Function]) -> dict[str, Function]:
    # Not declared on the type: limits of keys become propertyNames, which OpenAPI 3.0 doesn't have.
    if not columns:
        raise ValueError("Must name at least one column.")
    if len(columns) > _MAX_TOTALS or any("\0" in name or not 1 <= len(name) <= 200 for name in columns):
        raise ValueError(f"Must name at most {_MAX_TOTALS} columns, with 1 to 200 characters each.")
    return columns


def _check_chart(spec: dict[str, Any]) -> dict[str, Any]:
    if errors := specification.errors(spec):
        raise InvalidFields(errors)
    return spec


ChartSpec = Annotated[dict[str, Any], AfterValidator(_check_chart)]


class TotalsDefinition(Definition):
    """Totals of groups and of all rows. The query has to order its rows by the columns in `group_by`."""

    group_by: list[ColumnName] = Field(
        default=[], max_length=5, description="Columns, outermost first. Rows with the same values in them are a group."
    )
    columns: Annotated[dict[str, Function], AfterValidator(_check_names)] = Field(
        description="By column name, the function that computes the total."
    )
    grand: bool = Field(default=True, description="Whether there is a total of all rows.")
    decimals: int | None = Field(
        default=None, ge=0, le=15, description="Decimal places of averages, and of sums of floating point numbers."
    )

    @model_validator(mode="after")
    def _check_consistency(self) -> TotalsDefinition:
        errors: FieldErrors = {}
        if not self.group_by and not self.grand:
            errors["grand"] = ["Must be true without group_by: otherwise there is no total at all."]
        for at, name in enumerate(self.group_by):
            if name in self.group_by[:at]:
                errors[f"group_by[{at}]"] = ["Duplicate of an earlier entry."]
            if name in self.columns:
                errors[f"columns.{name}"] = ["A column in group_by can't have a total: it shows the group's name."]
        if errors:
            raise InvalidFields(errors)
        return self
