"""The interface between rows and a file format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, BinaryIO, ClassVar, Protocol

import pyarrow as pa

from accounts.localization import DEFAULT
from reports.exceptions import FormatCannotHold
from reports.rendering.columns.options import ColumnOptions, column_options, humanized

#: Formats for people: columns and locales affect no other.
LOCALIZED = frozenset({"html", "pdf", "xlsx"})


@dataclass(frozen=True, kw_only=True)
class CsvOptions:
    """A report's choices for its csv files. See common.csv_guard for `formula_guard`."""

    delimiter: str = ","
    byte_order_mark: bool = False
    formula_guard: bool = True
    #: Whether the header has the columns' names, or their labels.
    header: str = "names"


@dataclass(frozen=True, kw_only=True)
class TotalsOptions:
    """The totals that a report shows."""

    #: Columns whose values form groups, the outermost first.
    group_by: tuple[str, ...] = ()
    #: By column: sum, average, min, max or count.
    columns: Mapping[str, str] = field(default_factory=dict)
    #: Whether there is a grand total.
    grand: bool = True
    #: Fraction digits of averages and of sums of floats. None: as docs/formats.md says.
    decimals: int | None = None


def totals_options(options: Mapping[str, Any]) -> TotalsOptions | None:
    """Return the totals of a version's options, or of a definition; None if it has none."""
    totals = options.get("totals")
    return TotalsOptions(**totals | {"group_by": tuple(totals.get("group_by", ()))}) if totals else None


@dataclass(frozen=True, kw_only=True)
class Template:
    """The Typst template of a report's pdf, and what compiling it may use."""

    text: str
    #: By name, formatted for people. None is NULL.
    parameters: Mapping[str, str | None] = field(default_factory=dict)
    seconds: int = 60
    memory_bytes: int = 2 * 2**30


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a document, with rows of its own."""

    name: str
    title: str
    #: As in Document.
    columns: Mapping[str, ColumnOptions] = field(default_factory=dict)
    totals: TotalsOptions | None = None
    chart: Mapping[str, Any] | None = None
    #: Columns whose values identify a row when two results are compared; none: all do.
    compare_by: tuple[str, ...] = ()


def in_section(section: Section, message: str) -> str:
    """Return a message about a part of the section."""
    return f"Section {section.name}: {message}"


def section_of(stored: Mapping[str, Any]) -> Section:
    """Return a section of a version's options, or of a definition."""
    return Section(
        name=stored["name"],
        title=stored.get("title") or humanized(stored["name"].replace("-", "_")),
        columns=column_options(stored),
        totals=totals_options(stored),
        chart=stored.get("chart"),
        compare_by=tuple(stored.get("compare_by", ())),
    )


@dataclass(frozen=True, kw_only=True)
class Document:
    """Everything besides the rows that a format can show."""

    title: str
    description: str = ""
    version: int = 1
    #: Aware. Shown in UTC.
    generated_at: datetime
    #: By label, formatted for people.
    parameters: Mapping[str, str] = field(default_factory=dict)
    csv: CsvOptions = field(default_factory=CsvOptions)
    #: By name.
    columns: Mapping[str, ColumnOptions] = field(default_factory=dict)
    #: How html, pdf and xlsx write numbers and dates.
    locale: str = DEFAULT
    totals: TotalsOptions | None = None
    template: Template | None = None
    #: A Vega-Lite specification without data. Its data is the rows.
    chart: Mapping[str, Any] | None = None
    #: In place of columns, totals and a chart of its own.
    sections: Sequence[Section] = ()

    def of_section(self, section: Section) -> Document:
        """Return the document with what the section shows."""
        return replace(self, columns=section.columns, totals=section.totals, chart=section.chart)

    @property
    def generated_text(self) -> str:
        return f"{self.generated_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"

    def details(self, totals: str = "") -> list[tuple[str, str]]:
        """Label and text of each detail that formats show above the table. `totals` describes the totals."""
        details = [*self.parameters.items(), ("Generated", self.generated_text), ("Version", str(self.version))]
        if totals:
            details.append(("Totals", totals))
        return details


class Writer(Protocol):
    """A file that is being written, batch by batch. No writer holds the whole result in memory."""

    def write(self, batch: pa.RecordBatch) -> None: ...

    def close(self, *, rows: int, truncated: str | None) -> None:
        """Finish the file, and leave `out` open.

        `rows` is the number of rows written. `truncated` is a sentence that says why rows are missing, or None.
        """
        ...


class SectionsWriter(Protocol):
    """A file with all sections of a report that is being written, one section after the other."""

    def begin(self, section: Section, schema: pa.Schema) -> Writer:
        """Start a section, after the one before is closed. Raises what Renderer.open raises."""
        ...

    def close(self, *, rows: int, truncated: str | None) -> None:
        """Finish the file, as Writer.close, with the number of rows of all sections."""
        ...


class Renderer(Protocol):
    """A file format. Each one is a class that inherits from this, and states what differs from the defaults."""

    #: Its name in definitions and in the API.
    format: ClassVar[str]
    media_type: ClassVar[str]
    extension: ClassVar[str]
    #: The rows that a file can hold and people can use. None: no limit.
    max_rows: ClassVar[int | None] = None
    #: Whether the file grows while batches are written. If not, its size is unknown until the end.
    streams: ClassVar[bool] = True
    #: Whether a file has all sections of a report, or one of them.
    has_sections: ClassVar[bool] = False

    def open(self, out: BinaryIO, schema: pa.Schema, document: Document) -> Writer:
        """Start a file. `out` must be seekable.

        Raises FormatCannotHold if the format can't hold these columns, and DesignMismatch if the report's totals or
        chart don't fit them.
        """
        ...

    def open_sections(self, out: BinaryIO, document: Document) -> SectionsWriter:
        """Start a file of the document's sections, if the format has sections."""
        raise FormatCannotHold(f"A {self.format} file has no sections.")
