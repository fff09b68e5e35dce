"""How a report shows its rows, and what it shows besides them: columns, totals, a chart, and sections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from reports.definitions.base import Definition
from reports.definitions.errors import FieldErrors, InvalidFields, duplicates
from reports.definitions.field_types import STORABLE, SectionName, Text, storable
from reports.rendering.charts import specification
from reports.rendering.columns.date_format import date_pattern_error
from reports.rendering.columns.highlights import condition_error
from reports.rendering.columns.number_patterns import is_currency, is_number_pattern, number_pattern_error

ColumnName = Annotated[Text, Field(min_length=1, max_length=200)]
Function = Literal["sum", "average", "min", "max", "count"]
_MAX_TOTALS = 100
_MAX_COLUMNS = 500


def _check_pattern(pattern: str) -> str:
    error = number_pattern_error(pattern) if is_number_pattern(pattern) else date_pattern_error(pattern)
    if pattern and error:
        raise ValueError(error)
    return pattern


def _check_currency(code: str) -> str:
    if code and not is_currency(code):
        raise ValueError("Must be the code of a currency, such as EUR.")
    return code


def _check_condition(when: str) -> str:
    if error := condition_error(when):
        raise ValueError(error)
    return when


class HighlightDefinition(Definition):
    """Values that stand out."""

    model_config = ConfigDict(serialize_by_alias=True)

    when: Annotated[str, Field(max_length=200), STORABLE, AfterValidator(_check_condition)] = Field(
        description="<, <=, =, !=, >= or > and a value: > 30, = 'late', < 2026-01-31."
    )
    style: Literal["good", "bad", "warning"] = Field(alias="as", description="How they look.")


class ColumnDefinition(Definition):
    """How html, pdf and xlsx show a column."""

    label: Text = Field(default="", max_length=200, description="The heading. By default, the name in words.")
    format: Annotated[str, Field(max_length=100), STORABLE, AfterValidator(_check_pattern)] = Field(
        default="", description="A number or date pattern of CLDR: #,##0.00, 0.0%, ¤#,##0.00, dd.MM.yyyy."
    )
    currency: Annotated[str, AfterValidator(_check_currency)] = Field(
        default="", description="The code of a currency, such as EUR: what ¤ in the format stands for."
    )
    width: int | None = Field(default=None, ge=1, le=200, description="In characters. By default, what values need.")
    align: Literal["left", "center", "right"] | None = Field(
        default=None, description="By default, numbers are aligned to the right and all others to the left."
    )
    hidden: bool = Field(default=False, description="Whether it is left out. Other formats still have it.")
    highlight: list[HighlightDefinition] = Field(
        default=[], max_length=20, description="Values that stand out. The first condition that is met counts."
    )

    @model_validator(mode="after")
    def _check_consistency(self) -> ColumnDefinition:
        if "¤" in self.format and not self.currency:
            raise InvalidFields({"currency": ["The format shows a currency with ¤: say which one."]})
        return self


def _check_keys(columns: Mapping[str, object], most: int) -> None:
    # Not declared on the type: limits of keys become propertyNames, which OpenAPI 3.0 doesn't have.
    if len(columns) > most or not all(1 <= len(name) <= 200 for name in columns):
        raise ValueError(f"Must name at most {most} columns, with 1 to 200 characters each.")
    for name in columns:
        storable(name)


def _check_columns(columns: dict[str, ColumnDefinition]) -> dict[str, ColumnDefinition]:
    _check_keys(columns, _MAX_COLUMNS)
    return columns


Columns = Annotated[dict[str, ColumnDefinition], AfterValidator(_check_columns)]


def _check_names(columns: dict[str, Function]) -> dict[str, Function]:
    if not columns:
        raise ValueError("Must name at least one column.")
    _check_keys(columns, _MAX_TOTALS)
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


def _check_distinct(names: list[str]) -> list[str]:
    if errors := duplicates("", names):
        raise InvalidFields(errors)
    return names


CompareBy = Annotated[list[ColumnName], Field(max_length=20), AfterValidator(_check_distinct)]


class SectionDefinition(Definition):
    """A part of a report with a query of its own."""

    name: SectionName = Field(description="Unique in the report. The key in json, and what API calls choose it by.")
    title: Text = Field(max_length=200, default="", description="What people see. By default, the name in words.")
    query: Text = Field(
        min_length=1, max_length=100_000, description="One SQL statement. It can use all parameters of the report."
    )
    columns: Columns = Field(default={}, description="By column name, how html, pdf and xlsx show it.")
    totals: TotalsDefinition | None = Field(default=None, description="Totals in html, pdf and xlsx.")
    compare_by: CompareBy = Field(
        default=[], description="Columns whose values identify a row when two results are compared. By default, all do."
    )
    chart: ChartSpec | None = Field(
        default=None, description="A Vega-Lite specification of a chart of the query's columns, in html, pdf and xlsx."
    )
