"""A report in the definitions file: what each field means, its limits and its default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from reports.definitions.base import Definition
from reports.definitions.errors import InvalidFields, duplicates, errors_in, from_pydantic
from reports.definitions.field_types import (
    ByteCount,
    Delimiter,
    Email,
    FlatValue,
    Folder,
    Format,
    JobSeconds,
    Locale,
    Name,
    Principal,
    ReportSlug,
    RowCount,
    SharePath,
    Tag,
    Template,
    TenantSlug,
    Text,
    ThingSlug,
    TimeZone,
    WebAddress,
)  # fmt: skip
from reports.definitions.presentation import (
    ChartSpec,
    ColumnDefinition,
    Columns,
    CompareBy,
    SectionDefinition,
    TotalsDefinition,
)
from reports.exceptions import InvalidDefinition
from reports.parameters.declarations import Parameter, contradictions
from reports.parameters.rules import rule_error
from reports.parameters.scalars import stable_number


class ChoicesQueryDefinition(Definition):
    """A query that returns the values allowed, in the order in which people see them."""

    query: Text = Field(
        min_length=1,
        max_length=100_000,
        description="One SQL statement that returns a value and, in a second column, a label for people. It can use "
        "other parameters as :name.",
    )
    data_source: ThingSlug | None = Field(
        default=None, description="The slug of a data source of the tenant. By default, the report's."
    )


class ParameterDefinition(Definition):
    """A value that users enter when they run the report. The query uses it as `:name`."""

    name: Text = Field(max_length=63, description="Letters, digits and _, not starting with a digit.")
    type: Literal["string", "integer", "number", "boolean", "date", "datetime"] = Field(
        description="The type of the value."
    )
    required: bool = Field(default=False, description="Whether a value is required if there is no default.")
    default: FlatValue = Field(
        default=None,
        description="The value if none is given. Without a default, that is NULL. A date can be relative: now-1M/M.",
    )
    label: Text = Field(max_length=200, default="", description="The name that people see.")
    help: Text = Field(max_length=1000, default="", description="A hint for people.")
    choices: list[FlatValue] = Field(
        default_factory=list, min_length=1, max_length=1000, description="The only values allowed."
    )
    choices_query: ChoicesQueryDefinition | None = Field(
        default=None, description="Where the only values allowed come from, instead of choices."
    )
    multiple: bool = Field(default=False, description="Whether it takes a list of values, for `in :name`.")
    minimum: FlatValue = Field(
        default=None, description="The smallest number, or the earliest date or time, which can be relative: today-30d."
    )
    maximum: FlatValue = Field(
        default=None, description="The largest number, or the latest date or time, which can be relative: today."
    )
    pattern: Text = Field(
        max_length=1000,
        default="",
        description="A regular expression in RE2 syntax that the whole text must match. For strings.",
    )
    max_length: int | None = Field(default=None, description="The largest number of characters. For strings.")

    @model_validator(mode="after")
    def _check_consistency(self) -> ParameterDefinition:
        try:
            errors = contradictions(self.declaration())
        except InvalidDefinition as error:
            errors = errors_in(error)
        if errors:
            raise InvalidFields(errors)
        return self

    def declaration(self) -> Parameter:
        """Return it as reports.parameters has it. Raises InvalidDefinition."""
        return Parameter.from_dict(self.model_dump(exclude_unset=True, exclude_none=True))


class RuleDefinition(Definition):
    """A condition on the values of two parameters, or of one. It is skipped where a value is missing."""

    check: Text = Field(
        min_length=1,
        max_length=300,
        description="Two parameters, or a parameter and a value, with <, <=, =, !=, >= or > between: start <= end.",
    )
    message: Text = Field(min_length=1, max_length=500, description="What users are told if it isn't met.")


class ApiResponseDelivery(Definition):
    """Clients get the result from the API: later, by job id (asynchronous), or in the response (synchronous)."""

    kind: Literal["api_response"]
    mode: Literal["asynchronous", "synchronous"]


class EmailDelivery(Definition):
    """The result is sent by e-mail."""

    kind: Literal["email"]
    to: list[Email] = Field(min_length=1, max_length=50, description="Addresses.")


class WebhookDelivery(Definition):
    """A URL is called when the result is ready."""

    kind: Literal["webhook"]
    url: WebAddress = Field(description="http or https, without a password in it.")


class FileShareDelivery(Definition):
    """The result is copied to the file share."""

    kind: Literal["file_share"]
    path: SharePath = Field(description="A folder inside the file share.")


DeliveryDefinition = Annotated[
    ApiResponseDelivery | EmailDelivery | WebhookDelivery | FileShareDelivery, Field(discriminator="kind")
]


class GrantsDefinition(Definition):
    """Who can use the report besides Administrators: roles, or users as "user:" and the user name."""

    generate: list[Principal] = Field(default=[], max_length=200, description="Can run it and see own results.")
    view: list[Principal] = Field(default=[], max_length=200, description="Can see everyone's jobs and results of it.")


class CsvDefinition(Definition):
    """The format of the report's CSV files."""

    delimiter: Delimiter = Field(default=",", description="The character between two fields.")
    byte_order_mark: bool = Field(
        default=False, description="Whether files start with a byte order mark, which old versions of Excel need."
    )
    formula_guard: bool = Field(
        default=True, description="Whether ' is put before text that a spreadsheet would run as a formula."
    )
    header: Literal["names", "labels"] = Field(
        default="names", description="Whether the header has the columns' names or their labels."
    )


def _asynchronous() -> list[DeliveryDefinition]:
    return [ApiResponseDelivery(kind="api_response", mode="asynchronous")]


class ReportDefinition(Definition):
    """A report. Changing any field except slug, folder, tags and grants creates a new version."""

    slug: ReportSlug = Field(description="Unique in the tenant.")
    tenant: TenantSlug = Field(description="The slug of the tenant.")
    name: Name = Field(description="The name that people see.")
    description: Text = Field(max_length=10_000, default="", description="For people.")
    folder: Folder = Field(
        default="", description="Where the list of reports has it: Sales/Europe. By default, in no folder."
    )
    tags: list[Tag] = Field(default=[], max_length=20, description="Words by which people find it, besides its texts.")
    data_source: ThingSlug = Field(description="The slug of a data source of the tenant.")
    # Before the query, which is checked against it.
    sections: list[SectionDefinition] = Field(
        default=[],
        max_length=20,
        description="Instead of query: parts with a query each, all from one state of the data where the data source "
        "has such. They are the sheets of xlsx, follow each other in html and pdf, and are the keys of json.",
    )
    query: Text = Field(
        default="",
        max_length=100_000,
        validate_default=True,
        description="One SQL statement. `:name` is the value of a parameter: always bound, never text in the SQL. "
        "Required unless the report has sections.",
    )
    parameters: list[ParameterDefinition] = Field(default=[], max_length=100)
    rules: list[RuleDefinition] = Field(
        default=[], max_length=50, description="Conditions between parameters, checked when the report is run."
    )
    time_zone: TimeZone | None = Field(
        default=None,
        description="In which relative dates such as today are resolved. By default, the tenant's, or else UTC.",
    )
    formats: list[Format] = Field(min_length=1, description="The formats of results. The first is the default.")
    delivery: list[DeliveryDefinition] = Field(
        default_factory=_asynchronous,
        min_length=1,
        max_length=20,
        description="Where results go. By default, clients get them from the API (asynchronous).",
    )
    deliver: Literal["on_request", "always"] = Field(
        default="on_request",
        description="When results are sent to the other targets than the API: if whoever runs the report asks for it, "
        "or after each run. A file that doesn't say so leaves an existing report as it is.",
    )
    grants: GrantsDefinition = Field(
        default=GrantsDefinition(), description="Who can use it. By default, only Administrators."
    )
    timeout_seconds: JobSeconds = Field(default=300, description="The most seconds an attempt may take.")
    max_rows: RowCount | None = Field(
        default=None, description="The most rows of a result; see on_limit. By default, there is no limit."
    )
    max_bytes: ByteCount | None = Field(
        default=None, description="The largest size of a file; see on_limit. By default, the server's own limit."
    )
    on_limit: Literal["truncate", "fail"] = Field(
        default="truncate",
        description="Whether a result beyond max_rows or max_bytes is truncated and marked as incomplete, or fails.",
    )
    keep_rows: int | None = Field(
        default=None,
        ge=0,
        le=10_000_000,
        description="Results of up to this many rows also keep their rows, to be searched, sorted and converted; 0: "
        "never. By default, the server's own limit.",
    )
    columns: Columns = Field(default={}, description="By column name, how html, pdf and xlsx show it.")
    locale: Locale | None = Field(
        default=None,
        description="How html, pdf and xlsx write numbers and dates: de-DE. By default, the tenant's, or else en.",
    )
    csv: CsvDefinition = Field(default=CsvDefinition(), description="The format of CSV files.")
    max_running: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="How many of its jobs can run at the same time, on all hosts together. By default, there is no "
        "limit.",
    )
    totals: TotalsDefinition | None = Field(default=None, description="Totals in html, pdf and xlsx.")
    compare_by: CompareBy = Field(
        default=[], description="Columns whose values identify a row when two results are compared. By default, all do."
    )
    template: Template | None = Field(
        default=None, description="The design of its pdf, written in Typst. By default, the pdf is a table."
    )
    chart: ChartSpec | None = Field(
        default=None, description="A Vega-Lite specification of a chart of the query's columns, in html, pdf and xlsx."
    )
    max_attempts: int = Field(
        default=3, ge=1, le=10, description="How often a job is tried if it fails for a reason that may pass."
    )
    retention_days: int = Field(default=30, ge=1, le=3650, description="How many days results are kept.")

    #: Stored together in the column `options` of a version, where they differ from their default.
    OPTIONS: ClassVar[frozenset[str]] = frozenset(
        {
            "csv",
            "keep_rows",
            "max_bytes",
            "on_limit",
            "template",
            "totals",
            "chart",
            "rules",
            "time_zone",
            "columns",
            "compare_by",
            "locale",
            "sections",
        }
    )
    #: Stored with the report, not with its versions.
    UNVERSIONED: ClassVar[frozenset[str]] = frozenset({"slug", "tenant", "grants", "folder", "tags"})

    #: What a report with sections has in each of them.
    _OF_SECTIONS: ClassVar[tuple[str, ...]] = ("columns", "totals", "chart", "compare_by")

    @field_validator("query")
    @classmethod
    def _check_query(cls, query: str, info: ValidationInfo) -> str:
        # If the sections themselves are invalid, they are missing here.
        has_sections = bool(info.data["sections"]) if "sections" in info.data else not query
        if not query and not has_sections:
            raise ValueError("This field is required, unless the report has sections.")
        if query and has_sections:
            raise ValueError("Leave it out: the report has sections, each with its own query.")
        return query

    @model_validator(mode="after")
    def _check_consistency(self) -> ReportDefinition:
        errors = duplicates("parameters", [parameter.name for parameter in self.parameters], "name")
        errors |= duplicates("sections", [section.name for section in self.sections], "name")
        if self.sections:
            named = [name for name in self._OF_SECTIONS if getattr(self, name)]
            errors |= {name: ["Leave it out: each section has its own."] for name in named}
        errors |= duplicates("formats", self.formats)
        errors |= duplicates("tags", self.tags)
        errors |= duplicates("delivery", [target.model_dump_json() for target in self.delivery])
        if self.template is not None and "pdf" not in self.formats:
            errors["template"] = ["A template designs the pdf. Add pdf to the formats."]
        declared = [parameter.declaration() for parameter in self.parameters]
        for at, rule in enumerate(self.rules):
            if sentence := rule_error(rule.check, declared):
                errors[f"rules[{at}].check"] = [sentence]
        if errors:
            raise InvalidFields(errors)
        return self

    def entry(self) -> dict[str, Any]:
        """Return the file's entry, with all defaults but those of columns and sections written out. `parse_report`
        reads it back unchanged.

        Equal reports have equal entries, whether they come from a file or from the database.
        """
        entry = self.model_dump(mode="json", exclude={"parameters"})
        entry["parameters"] = [parameter.declaration().to_dict() for parameter in self.parameters]
        # Of many columns with few options, most of it would be defaults.
        entry["columns"] = _columns_entry(self.columns)
        entry["chart"] = _with_stable_numbers(entry["chart"])
        # Nor of sections.
        dumped = [section.model_dump(mode="json", exclude_defaults=True) for section in self.sections]
        entry["sections"] = [
            section | {"chart": _with_stable_numbers(section["chart"])} if "chart" in section else section
            for section in dumped
        ]
        return entry

    def queries(self) -> dict[str, str]:
        """Return its queries by path: that of the report, or those of its sections."""
        if not self.sections:
            return {"query": self.query}
        return {f"sections[{at}].query": section.query for at, section in enumerate(self.sections)}

    def options(self) -> dict[str, Any]:
        """Return what a version stores in its column of that name."""
        return self.model_dump(mode="json", include=set(self.OPTIONS), exclude_defaults=True)


def parse_report(entry: object) -> ReportDefinition:
    """Read one entry of a file's `reports`. Raises InvalidDefinition with all errors by path."""
    try:
        return ReportDefinition.model_validate(entry)
    except ValidationError as error:
        raise from_pydantic(error) from None


def merge_patch(target: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return `target` after a JSON merge patch (RFC 7396): mappings are merged; null resets a field to its default."""
    merged = {key: value for key, value in target.items() if key not in patch}
    for key, value in patch.items():
        below = target.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            merged[key] = merge_patch(below, value)
        elif value is not None:
            merged[key] = value
    return merged


def _columns_entry(columns: Mapping[str, ColumnDefinition]) -> dict[str, Any]:
    return {name: column.model_dump(mode="json", exclude_defaults=True) for name, column in columns.items()}


def _with_stable_numbers(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _with_stable_numbers(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_with_stable_numbers(value) for value in data]
    return stable_number(data)
