"""The seam between rows and a file format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, ClassVar, Protocol

import pyarrow as pa


@dataclass(frozen=True, kw_only=True)
class CsvOptions:
    """How a report wants its CSV. The guard puts ' before text that a spreadsheet would run as a formula."""

    delimiter: str = ","
    byte_order_mark: bool = False
    formula_guard: bool = True


@dataclass(frozen=True, kw_only=True)
class TotalsOptions:
    """Which totals a report shows. `columns` maps a column to sum, average, min, max or count; each change of a value
    in a column of `group_by` ends a group, `grand` asks for the total of everything. `decimals`: digits of fraction
    of averages and of sums of floats."""

    group_by: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    grand: bool = True
    decimals: int | None = None


@dataclass(frozen=True, kw_only=True)
class Template:
    """How a report designs its pdf, and what making it may take. `parameters` maps a name to the value as people read
    it, None for NULL."""

    text: str
    parameters: Mapping[str, str | None] = field(default_factory=dict)
    seconds: int = 60
    memory_bytes: int = 2 * 2**30


@dataclass(frozen=True, kw_only=True)
class Document:
    """What a format may show around the rows. `parameters` maps a label to the value as people read it."""

    title: str
    description: str = ""
    version: int = 1
    #: Aware; shown in UTC.
    generated_at: datetime
    parameters: Mapping[str, str] = field(default_factory=dict)
    csv: CsvOptions = field(default_factory=CsvOptions)
    totals: TotalsOptions | None = None
    template: Template | None = None
    #: A Vega-Lite specification; its data are the rows.
    chart: Mapping[str, Any] | None = None


class Writer(Protocol):
    """A file being written. Batches go in one by one; nothing holds the whole result."""

    def write(self, batch: pa.RecordBatch) -> None: ...

    def close(self, *, rows: int, truncated: str | None) -> None:
        """End the file and leave `out` open. `rows` were written; `truncated` is the sentence that says why there
        are no more, or None."""
        ...


class Renderer(Protocol):
    """A format: what it is called, and how to start a file of it."""

    format: ClassVar[str]
    media_type: ClassVar[str]
    extension: ClassVar[str]
    #: Rows that a file of this format can hold and people can use; None where there is no such limit.
    max_rows: ClassVar[int | None]
    #: Whether the file grows while batches are written. If not, a limit in bytes is only known at the end.
    streams: ClassVar[bool]

    def open(self, out: BinaryIO, schema: pa.Schema, document: Document) -> Writer:
        """Start a file. `out` is seekable, and each column has a name of its own, as reports.sources sees to.

        Raises FormatCannotHold for columns that the format has no place for.
        """
        ...
