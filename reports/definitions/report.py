"""One report as the definitions file has it: what each field means, its limits and its default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationError, model_validator

from reports.definitions.base import Definition
from reports.definitions.errors import FieldErrors, InvalidFields, duplicates, errors_in, from_pydantic
from reports.definitions.field_types import (
    ByteCount,
    Delimiter,
    Email,
    FlatValue,
    Format,
    JobSeconds,
    Name,
    Principal,
    ReportSlug,
    RowCount,
    SharePath,
    Template,
    TenantSlug,
    Text,
    ThingSlug,
    WebAddress,
)  # fmt: skip
from reports.definitions.presentation import ChartSpec, TotalsDefinition
from reports.exceptions import InvalidDefinition, QueryFailed
from reports.parameters.declarations import Parameter, contradictions
from reports.parameters.scalars import stable_number
from reports.sources import placeholders


class ParameterDefinition(Definition):
    """One value that is asked for when the report is run, and bound to `:name` in the query."""

    name: Text = Field(max_length=63, description="Letters, digits and _, no digit first.")
    type: Literal["string", "integer", "number", "boolean", "date", "datetime"] = Field(description="Of each value.")
    required: bool = Field(default=False, description="Whether a value has to be given where there is no default.")
    default: FlatValue = Field(default=None, description="The value when none is given; without it, NULL.")
    label: Text = Field(max_length=200, default="", description="Its name for people.")
    help: Text = Field(max_length=1000, default="", description="A sentence for people.")
    choices: list[FlatValue] = Field(
        default_factory=list, min_length=1, max_length=1000, description="The only values allowed."
    )
    multiple: bool = Field(default=False, description="Whether it takes a list of values, for `in :name`.")
    minimum: FlatValue = Field(default=None, description="The smallest value; of numbers, dates and date-times.")
    maximum: FlatValue = Field(default=None, description="The largest value; of numbers, dates and date-times.")
    pattern: Text = Field(
        max_length=1000, default="", description="A regular expression that the whole text must match; of strings."
    )
    max_length: int | None = Field(default=None, description="Characters; of strings.")

    @model_validator(mode="after")
    def _consistent(self) -> ParameterDefinition:
        try:
            errors = contradictions(self.declaration())
        except InvalidDefinition as error:
            raise InvalidFields(errors_in(error)) from None
        if errors:
            raise InvalidFields(errors)
        return self

    def declaration(self) -> Parameter:
        """The same as reports.parameters.declarations has it. Raises InvalidDefinition."""
        return Parameter.from_dict(self.model_dump(exclude_unset=True, exclude_none=True))


class ApiResponseDelivery(Definition):
    """The result is fetched through the API: later, by job id (asynchronous), or in the answer (synchronous)."""

    kind: Literal["api_response"]
    mode: Literal["asynchronous", "synchronous"]


class EmailDelivery(Definition):
    """The result is sent by e-mail."""

    kind: Literal["email"]
    to: list[Email] = Field(min_length=1, max_length=50, description="Addresses.")


class WebhookDelivery(Definition):
    """An address is called when the result is there."""

    kind: Literal["webhook"]
    url: WebAddress = Field(description="http or https, without a password in it.")


class FileShareDelivery(Definition):
    """The result is put into the file share."""

    kind: Literal["file_share"]
    path: SharePath = Field(description="A path inside of the file share.")


DeliveryDefinition = Annotated[
    ApiResponseDelivery | EmailDelivery | WebhookDelivery | FileShareDelivery, Field(discriminator="kind")
]


class GrantsDefinition(Definition):
    """Who may use the report, beside Administrators: roles, or "user:" and a user name."""

    generate: list[Principal] = Field(default=[], max_length=200, description="May run it, and see the own jobs.")
    view: list[Principal] = Field(default=[], max_length=200, description="May see it, and everybody's jobs of it.")


class CsvDefinition(Definition):
    """How CSV files of the report look."""

    delimiter: Delimiter = Field(default=",", description="Between two fields: one character.")
    byte_order_mark: bool = Field(default=False, description="Whether the file begins with one; old Excel wants it.")
    formula_guard: bool = Field(
        default=True, description="Whether ' is put before text that a spreadsheet would run as a formula."
    )


def _asynchronous() -> list[DeliveryDefinition]:
    return [ApiResponseDelivery(kind="api_response", mode="asynchronous")]


class ReportDefinition(Definition):
    """A report. A change of any field but slug and grants makes a new version of it."""

    slug: ReportSlug = Field(description="Unique in the tenant.")
    tenant: TenantSlug = Field(description="The slug of the tenant.")
    name: Name = Field(description="Its name for people.")
    description: Text = Field(max_length=10_000, default="", description="For people.")
    data_source: ThingSlug = Field(description="The slug of a data source of the tenant.")
    query: Text = Field(
        min_length=1,
        max_length=100_000,
        description="One SQL statement. `:name` is a bound value of a parameter, never text put into the SQL.",
    )
    parameters: list[ParameterDefinition] = Field(default=[], max_length=100)
    formats: list[Format] = Field(min_length=1, description="What it can be had as. The first is the default.")
    delivery: list[DeliveryDefinition] = Field(
        default_factory=_asynchronous,
        min_length=1,
        max_length=20,
        description="Where results go. Without it, asynchronous through the API.",
    )
    grants: GrantsDefinition = Field(default=GrantsDefinition(), description="Without it, for Administrators only.")
    timeout_seconds: JobSeconds = Field(default=300, description="Seconds that one attempt may take.")
    max_rows: RowCount | None = Field(
        default=None, description="Rows after which the result is cut, and says so. Without it, no limit."
    )
    max_bytes: ByteCount | None = Field(
        default=None, description="Size after which the result is cut, and says so. Without it, the server's own limit."
    )
    on_limit: Literal["truncate", "fail"] = Field(
        default="truncate", description="What a result with more than max_rows or max_bytes does: be cut, or fail."
    )
    csv: CsvDefinition = Field(default=CsvDefinition(), description="Without it, comma, no mark, guarded.")
    max_running: int | None = Field(
        default=None, ge=1, le=1000, description="Jobs of it that may run at once, on all hosts. Without it, no limit."
    )
    totals: TotalsDefinition | None = Field(default=None, description="Totals that html, pdf and xlsx show.")
    template: Template | None = Field(
        default=None, description="How its pdf is designed, in the language of Typst. Without it, a table."
    )
    chart: ChartSpec | None = Field(
        default=None, description="A Vega-Lite specification over the columns of the query, for html, pdf and xlsx."
    )
    max_attempts: int = Field(default=3, ge=1, le=10, description="Tries, where the failure may pass by itself.")
    retention_days: int = Field(default=30, ge=1, le=3650, description="Days that a result is kept.")

    #: Kept together in the column `options` of a version, where they differ from their default.
    OPTIONS: ClassVar[frozenset[str]] = frozenset({"csv", "max_bytes", "on_limit", "template", "totals", "chart"})
    #: Kept with the report itself and not with its versions.
    UNVERSIONED: ClassVar[frozenset[str]] = frozenset({"slug", "tenant", "grants"})

    @model_validator(mode="after")
    def _consistent(self) -> ReportDefinition:
        faults = duplicates("parameters", [parameter.name for parameter in self.parameters], "name")
        faults |= duplicates("formats", self.formats)
        faults |= duplicates("delivery", [target.model_dump_json() for target in self.delivery])
        if self.template is not None and "pdf" not in self.formats:
            faults["template"] = ["A template designs the pdf: put pdf among the formats."]
        if faults:
            raise InvalidFields(faults)
        return self

    def entry(self) -> dict[str, Any]:
        """The entry of the file, with every default written out; goes back through parse_report unchanged."""
        entry = self.model_dump(mode="json", exclude={"parameters"})
        entry["parameters"] = [parameter.declaration().to_dict() for parameter in self.parameters]
        entry["chart"] = _with_stable_numbers(entry["chart"])
        return entry

    def options(self) -> dict[str, Any]:
        """What a version keeps in its column of that name: those of OPTIONS that are not at their default."""
        return self.model_dump(mode="json", include=set(self.OPTIONS), exclude_defaults=True)


def parse_report(entry: object) -> ReportDefinition:
    """One entry of a file's `reports`. Raises InvalidDefinition with every fault by path."""
    try:
        return ReportDefinition.model_validate(entry)
    except ValidationError as error:
        raise from_pydantic(error) from None


def query_errors(report: ReportDefinition, dialect: str) -> FieldErrors:
    """What is wrong with the query, in that dialect: its placeholders and parameters have to agree."""
    try:
        placeholders.single_statement(report.query, dialect)
    except QueryFailed as error:
        return {"query": [error.message]}
    used, declared = placeholders.names(report.query, dialect), [parameter.name for parameter in report.parameters]
    undeclared = [f"Uses :{name}, which is not declared under parameters." for name in used if name not in declared]
    faults: FieldErrors = {"query": undeclared} if undeclared else {}
    unused = [at for at, name in enumerate(declared) if name not in used]
    return faults | {f"parameters[{at}].name": [f"The query does not use :{declared[at]}."] for at in unused}


def _with_stable_numbers(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _with_stable_numbers(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_with_stable_numbers(value) for value in data]
    return stable_number(data)


def merge_patch(target: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """`target` after a JSON merge patch (RFC 7396): mappings are merged, null takes a field back to its default."""
    merged = {key: value for key, value in target.items() if key not in patch}
    for key, value in patch.items():
        if isinstance(value, Mapping) and isinstance(below := target.get(key), Mapping):
            merged[key] = merge_patch(below, value)
        elif value is not None:
            merged[key] = value
    return merged
