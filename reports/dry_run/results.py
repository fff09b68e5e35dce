"""What a dry run finds out, as the children that do the work send it back."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from reports.documents.diagnostics import Diagnostic

#: Whose runs a throughput was measured on: the report's own, those of every report that reads the same data source,
#: or the tenant's.
Origin = Literal["report", "source", "format"]


class Fits(Enum):
    """Whether a format can hold a result. The values are those of the API."""

    YES = True
    NO = False
    #: Only the run will tell.
    UNKNOWN = None


@dataclass(frozen=True)
class Column:
    """A column of the result; `type` is the name of its Arrow type."""

    name: str
    type: str


@dataclass(frozen=True)
class PreviewColumn(Column):
    """A column of a preview. Numbers are right-aligned."""

    is_number: bool


@dataclass(frozen=True)
class FormatFit:
    """Whether a format can hold the result, and the estimated run time in seconds, if there is one."""

    format: str
    fits: Fits
    message: str = ""
    seconds: float | None = None
    seconds_from: Origin | None = None


@dataclass(frozen=True)
class SectionDescription:
    """What is known of a section's query."""

    name: str
    title: str
    columns: list[Column]
    estimated_rows: int | None


@dataclass(frozen=True)
class Description:
    """What is known of a result before the report is run. Without errors, the design fits the columns.

    With sections, `columns` are those of the first one, and `estimated_rows` those of all.
    """

    errors: list[str] = field(default_factory=list)
    #: The message of the data source's driver. Only for Administrators: it may name tables and hosts.
    driver_message: str = ""
    columns: list[Column] = field(default_factory=list)
    types_are_certain: bool = True
    estimated_rows: int | None = None
    formats: list[FormatFit] = field(default_factory=list)
    sections: list[SectionDescription] = field(default_factory=list)


@dataclass(frozen=True)
class RowPreview:
    """The first rows as text, None for NULL; or the error that prevented them, and what the driver said about it.

    `truncated`: the query returns more rows. `driver_message` is for Administrators only.
    """

    columns: list[PreviewColumn] = field(default_factory=list)
    rows: list[list[str | None]] = field(default_factory=list)
    truncated: bool = False
    error: str = ""
    driver_message: str = ""
    #: Name and title of its section; empty if the report has no sections.
    section: str = ""
    title: str = ""


@dataclass(frozen=True)
class DocumentPreview:
    """Pictures of a document's first pages; or why there are none.

    `errors` are those of the template, with their positions; `error` is anything else, after which the template was
    only checked for its syntax.
    """

    #: PNG, in base64.
    pictures: list[str] = field(default_factory=list)
    pages: int = 0
    #: Characters of the data that no font has. The document has their codes instead.
    missing_characters: str = ""
    warnings: list[Diagnostic] = field(default_factory=list)
    errors: list[Diagnostic] = field(default_factory=list)
    error: str = ""
    #: Whether `error` is about the data source, so the template itself may be right.
    no_rows: bool = False


@dataclass(frozen=True)
class HtmlPreview:
    """A report's html document of its first rows, without a script; or the error that prevented it.

    `driver_message` is for Administrators only.
    """

    html: str = ""
    error: str = ""
    driver_message: str = ""


@dataclass(frozen=True)
class SourceCheck:
    """Whether a data source answers: without `error`, it does."""

    error: str = ""
    #: What the driver said. Only for superusers and commands: it may name hosts and paths.
    driver_message: str = ""
    #: What its account may do beyond reading, in sentences.
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class QueryRows:
    """The first rows of a query as exact texts, None for NULL. `more`: it returns others.

    `fault` is a sentence about a query that failed, also halfway: there are no rows then.
    """

    columns: list[str] = field(default_factory=list)
    rows: list[list[str | None]] = field(default_factory=list)
    more: bool = False
    fault: str = ""
