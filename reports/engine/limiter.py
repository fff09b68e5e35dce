"""The limits of a run: rows and bytes that the report allows, and rows that the formats can hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa

from reports.documents.template_renderer import file_noun
from reports.engine.spec import RunSpec
from reports.exceptions import FormatCannotHold, ResultTooLarge
from reports.rendering import RENDERERS
from reports.rendering.base import Renderer

#: How far a file may grow beyond a limit in bytes: its size is checked after each part of this many rows.
_ROWS_BETWEEN_SIZE_CHECKS = 1_000


class Limiter:
    """Lets rows through until a limit of the report or of one of the formats is reached.

    `rows` counts those let through. Once rows were cut off, `truncated` is the sentence that says so. `largest` returns
    the size of the largest file so far: all files end at the same row.
    """

    def __init__(self, spec: RunSpec, renderers: Sequence[Renderer], largest: Callable[[], int]) -> None:
        self.rows = 0
        self.truncated: str | None = None
        self._spec = spec
        self._largest = largest
        #: The format that can hold the fewest rows.
        self._narrowest = min(
            (renderer for renderer in renderers if renderer.max_rows is not None),
            key=lambda renderer: renderer.max_rows or 0,
            default=None,
        )

    def allowed_parts(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """Yield the parts of the batch that may be written. Each has to be written before the next is requested."""
        max_rows, max_bytes = self._spec.max_rows, self._spec.max_bytes
        allowed = batch if max_rows is None else batch.slice(0, max_rows - self.rows)
        self._check_format(allowed.num_rows)
        step = max(1, batch.num_rows) if max_bytes is None else _ROWS_BETWEEN_SIZE_CHECKS
        for start in range(0, allowed.num_rows, step):
            if max_bytes is not None and self._largest() >= max_bytes:
                self._truncate(f"the report allows files of {size_text(max_bytes)} at most.")
                return
            part = allowed.slice(start, step)
            self.rows += part.num_rows
            yield part
        if allowed.num_rows < batch.num_rows:
            self._truncate("the report allows no more.")

    def _truncate(self, reason: str) -> None:
        if self._spec.on_limit == "fail":
            raise ResultTooLarge
        self.truncated = f"Only the first {self.rows:,} rows are included: {reason}"

    def _check_format(self, more_rows: int) -> None:
        renderer = self._narrowest
        limit = renderer.max_rows if renderer else None
        if renderer is None or limit is None or self.rows + more_rows <= limit:
            return
        roomier = [name for name, other in RENDERERS.items() if other.max_rows is None or other.max_rows > limit]
        preferred = [name for name in roomier if name in ("csv", "parquet")]
        suggested = preferred or roomier[:2] or ["a narrower selection"]
        raise FormatCannotHold(
            f"A {file_noun(renderer)} can have at most {limit:,} rows, and this result has more. "
            f"Choose {' or '.join(suggested)} instead."
        )


def size_text(size: int) -> str:
    for unit, bytes_in_unit in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= bytes_in_unit:
            return f"{size / bytes_in_unit:.3g} {unit}"
    return f"{size} bytes"
