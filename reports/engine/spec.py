"""What a run is given and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from reports.kept_rows.pieces import Pieces, Split
from reports.parameters.values import TypedValue
from reports.rendering.base import Document
from reports.sources.base import Limits, SourceSpec


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """The input of a run. `query` and `values` go to the source, which is read once for all `formats`.

    If the document has sections, `queries` has theirs by name, and `section` is the one in the files of formats that
    hold only one.

    `max_rows` limits the rows, `max_bytes` each file. The rows of a result of up to `keep_rows` are kept, too. `kept`:
    rows that an earlier run kept, to be read in place of the source; `truncated` says why it left some out. `split`: by
    what the rows are divided into pieces as well.
    """

    source: SourceSpec
    query: str = ""
    queries: Mapping[str, str] = field(default_factory=dict)
    section: str | None = None
    values: Mapping[str, TypedValue]
    formats: tuple[str, ...]
    document: Document
    limits: Limits
    max_rows: int | None = None
    max_bytes: int | None = None
    on_limit: Literal["truncate", "fail"] = "truncate"
    keep_rows: int = 0
    kept: Path | None = None
    truncated: str | None = None
    split: Split | None = None
    #: Whether the result is to have a content digest, which takes some microseconds for each row.
    digests_content: bool = False


@dataclass(frozen=True)
class RenderedFile:
    """One finished file: its format, its size in bytes, and its SHA-256 in hexadecimal."""

    format: str
    size: int
    sha256: str


@dataclass(frozen=True)
class RunResult:
    """The finished files, in the order of the run's formats, and the rows in each of them; with sections, in the
    largest of them.

    `truncated` is a sentence that says why rows are missing; None if none are. `kept` is the file of kept rows, if
    there is one. `content_digest` is empty unless the run was to have one. `pieces` are what the rows were divided
    into, and are in `pieces_file`; None unless they were to be. `seconds`: how long each phase took.
    """

    rows: int
    truncated: str | None
    files: tuple[RenderedFile, ...]
    kept: RenderedFile | None = None
    content_digest: str = ""
    pieces_file: RenderedFile | None = None
    pieces: Pieces | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
