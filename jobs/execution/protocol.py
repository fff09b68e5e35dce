"""The messages between a worker and the child that runs its job.

The worker gives the child an Assignment. The child answers with messages through a pipe, one line of JSON each: the
progress so far, and at the end a result or a failure.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from jobs.failures import Failure
from jobs.results.publishing import NamedFile, StoredFile
from jobs.results.stores.base import Store
from reports.engine import RunSpec
from reports.kept_rows.pieces import LeftOut, Piece, Pieces


@dataclass(frozen=True, kw_only=True)
class FilePart:
    """A part of a file, in bytes."""

    offset: int
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """Everything a child needs to know to produce one result."""

    spec: RunSpec
    #: Where the first file is written; the others are beside it. And by format, their names in the store once they are
    #: complete; that of the kept rows, too.
    draft: Path
    results: Mapping[str, str]
    #: The store, and the text of its marker.
    store: Store
    store_marker: str
    #: What is rendered in place of the source; None for a run that reads it. And the part of it that is, if not all.
    kept: NamedFile | None = None
    part: FilePart | None = None
    #: Limits of the child. Seconds are wall time; memory is what it may use beyond what it has when it starts.
    timeout_seconds: int
    memory_bytes: int
    file_bytes: int
    #: How far the child lowers its priority, from 0 to 19.
    niceness: int


@dataclass(frozen=True)
class Progress:
    """A child's progress. `percent` is None if the number of rows can't be estimated."""

    rows: int = 0
    bytes: int = 0
    percent: int | None = None


@dataclass(frozen=True, kw_only=True)
class Result:
    """The complete files of a job, in the order of its formats. `truncated` says why they lack rows, if they do.

    `content_digest`: equal for the same columns and rows in any order; empty if nobody asked for it.
    `kept` is the file of kept rows, if there is one. `pieces` are in `pieces_file`, if the result was to be split.
    """

    rows: int
    truncated: str | None
    files: tuple[StoredFile, ...]
    content_digest: str = ""
    kept: StoredFile | None = None
    pieces_file: StoredFile | None = None
    pieces: Pieces | None = None
    #: How long each phase of the run took; see reports.engine.phases.
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(file.size for file in self.files)


Message = Progress | Result | Failure
_TYPES: dict[str, type[Message]] = {cls.__name__: cls for cls in (Progress, Result, Failure)}


def send(pipe: int, message: Message) -> None:
    """Write the message to the pipe, all of it."""
    data = json.dumps({type(message).__name__: asdict(message)}).encode() + b"\n"
    while data:
        data = data[os.write(pipe, data) :]


def parse(line: bytes) -> Message:
    """Return the message of one line."""
    # JSON rather than pickle: a worker must not execute what a damaged child sends.
    [(name, fields)] = json.loads(line).items()
    if "files" in fields:
        fields["files"] = tuple(StoredFile(**file) for file in fields["files"])
        for field in ("kept", "pieces_file"):
            fields[field] = fields[field] and StoredFile(**fields[field])
        fields["pieces"] = fields["pieces"] and _pieces(**fields["pieces"])
    return _TYPES[name](**fields)


def _pieces(pieces: list[dict[str, Any]], left_out: dict[str, Any]) -> Pieces:
    keys = tuple(left_out["keys"])
    return Pieces(pieces=tuple(Piece(**piece) for piece in pieces), left_out=LeftOut(**left_out | {"keys": keys}))
