"""Group totals: what is known of the rows so far, and the lines that go between them. Memory does not grow with rows.

A group is a run of rows with the same values in the first columns of `group_by`, and so a query has to order its rows
by them. A group that comes again is an error: a second total of it would be taken for the whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from reports.exceptions import DesignMismatch
from reports.rendering.base import TotalsOptions
from reports.rendering.column_lookup import column_index
from reports.rendering.column_text import display_text
from reports.rendering.kinds import NUMBERS, kind_of
from reports.rendering.text_arrays import value_bytes
from reports.rendering.totals.aggregates import Aggregate

#: Each group costs a few dozen bytes, to know it again.
MAX_GROUPS = 500_000
_WORDS = {"min": "smallest", "max": "largest"}


@dataclass(frozen=True)
class TotalRows:
    """Lines of totals. Line n stands before row `before[n]` of the piece of rows that it was made with.

    `depths`: 0 for the total of everything, 1 for the groups of the first column of `group_by`, and so on.
    `columns`: by column of the result, the totals of all lines; None where the column has none.
    """

    before: Sequence[int]
    depths: Sequence[int]
    labels: Sequence[str]
    columns: Sequence[pa.Array | None]

    def __len__(self) -> int:
        return len(self.before)


class Totals:
    """Takes the rows of a result piece by piece. Raises DesignMismatch where columns do not fit."""

    def __init__(self, options: TotalsOptions, schema: pa.Schema) -> None:
        self._options = options
        self._by = [column_index(schema, name, f"totals.group_by[{at}]") for at, name in enumerate(options.group_by)]
        self._totals = _totals(options, schema)
        self._schema = schema
        #: What is known of the rows of the open group, by depth; depth 0 is everything.
        self._open = [self._nothing() for _ in range(len(self._by) + 1)]
        self._values: list[str | None] = []
        self._seen: set[int] = set()
        self._rows = 0

    @property
    def depth(self) -> int:
        """Of the innermost groups."""
        return len(self._by)

    @property
    def width(self) -> int:
        """Columns of the result."""
        return len(self._schema)

    def is_number(self, at: int) -> bool:
        """Whether the totals of that column stand on the right."""
        return self._totals[at].function == "count" or kind_of(self._schema.field(at).type) in NUMBERS

    def label_column(self, depth: int) -> int | None:
        """Where the label of a line of that depth goes: a column without totals, or None where all have some."""
        if depth:
            return self._by[depth - 1]
        free = [at for at in range(len(self._schema)) if at not in self._totals]
        return next((at for at in self._by if at in free), free[0] if free else None)

    def functions(self) -> dict[int, str]:
        """What is computed, by column of the result."""
        return {at: total.function for at, total in self._totals.items()}

    def description(self) -> str:
        """What the totals are, for people: "sum of flights; average of delay; by origin, carrier"."""
        of: dict[str, list[str]] = {}
        for at, function in self.functions().items():
            of.setdefault(_WORDS.get(function, function), []).append(self._schema.names[at])
        parts = [f"{function} of {', '.join(names)}" for function, names in of.items()]
        return "; ".join([*parts, f"by {', '.join(self._options.group_by)}"] if self._by else parts)

    def add(self, piece: pa.RecordBatch) -> TotalRows:
        """Take in these rows; the lines of the groups that end before one of them."""
        keys = [display_text(piece.column(at)) for at in self._by]
        starts, changed = self._runs(keys)
        runs = {at: total.of_runs(piece.column(at), starts) for at, total in self._totals.items()}
        finished = _Finished()
        for run, (start, depth) in enumerate(zip(starts, changed, strict=True)):
            if depth is not None:
                self._close(depth, start, finished)
                self._begin(depth, [key[start].as_py() for key in keys], self._rows + start)
            self._merge(self.depth, {at: partials[run] for at, partials in runs.items()})
        self._rows += piece.num_rows
        return self._lines(finished)

    def finish(self, *, truncated: bool) -> TotalRows:
        """The lines at the end: of the groups that were open, and of everything if that is wanted."""
        finished = _Finished(", as far as it is here" if truncated else "")
        if self._rows:
            self._close(1, 0, finished)
        if self._options.grand:
            label = f"Total of these {self._rows:,} rows" if truncated else "Total"
            finished.add(0, 0, label, self._open[0])
        return self._lines(finished)

    def _runs(self, keys: Sequence[pa.Array]) -> tuple[list[int], list[int | None]]:
        """First row of each run of equal keys, and the outermost depth at which it differs from the row before."""
        outermost: dict[int, int | None] = {0: self._changed_at_start(keys)}
        for depth in range(len(keys), 0, -1):
            outermost |= dict.fromkeys(_changes(keys[depth - 1]), depth)
        starts = sorted(outermost)
        return starts, [outermost[start] for start in starts]

    def _changed_at_start(self, keys: Sequence[pa.Array]) -> int | None:
        values = [key[0].as_py() for key in keys]
        if not self._rows:
            return 1 if keys else None
        pairs = zip(values, self._values, strict=True)
        return next((depth for depth, (here, before) in enumerate(pairs, 1) if here != before), None)

    def _begin(self, depth: int, values: list[str | None], row: int) -> None:
        self._values = values
        for level in range(depth, self.depth + 1):
            key = hash(tuple(values[:level]))
            if key in self._seen:
                raise DesignMismatch(self._again(level, row))
            self._seen.add(key)
        if len(self._seen) > MAX_GROUPS:
            raise DesignMismatch(f"totals.group_by: There are more than {MAX_GROUPS:,} groups. Group by less.")

    def _again(self, level: int, row: int) -> str:
        names = [self._options.group_by[at] for at in range(level)]
        group = ", ".join(f"{name} {_shown(value)}" for name, value in zip(names, self._values, strict=False))
        return (
            f"totals.group_by: The rows are not in the order of their groups: {group} comes again in row {row + 1:,}. "
            f"Have the query order its rows by {', '.join(self._options.group_by)}."
        )

    def _close(self, depth: int, before: int, finished: _Finished) -> None:
        """End the groups of this depth and all inside of it, the innermost first."""
        if not self._values:
            return
        for level in range(self.depth, depth - 1, -1):
            label = f"Total {_shown(self._values[level - 1])}{finished.note}"
            finished.add(before, level, label, self._open[level])
            self._merge(level - 1, self._open[level])
            self._open[level] = self._nothing()

    def _merge(self, level: int, partials: dict[int, object]) -> None:
        known = self._open[level]
        for at, total in self._totals.items():
            known[at] = total.merged(known[at], partials[at])

    def _nothing(self) -> dict[int, object]:
        return dict.fromkeys(self._totals)

    def _lines(self, finished: _Finished) -> TotalRows:
        columns: list[pa.Array | None] = [None] * len(self._schema)
        for at, total in self._totals.items():
            columns[at] = total.shown([partials[at] for partials in finished.partials])
        return TotalRows(finished.before, finished.depths, finished.labels, columns)


class _Finished:
    """Lines that are being collected; `note` goes to the end of the labels of groups."""

    def __init__(self, note: str = "") -> None:
        self.note = note
        self.before: list[int] = []
        self.depths: list[int] = []
        self.labels: list[str] = []
        self.partials: list[dict[int, object]] = []

    def add(self, before: int, depth: int, label: str, partials: dict[int, object]) -> None:
        self.before.append(before)
        self.depths.append(depth)
        self.labels.append(label)
        self.partials.append(partials)


def _totals(options: TotalsOptions, schema: pa.Schema) -> dict[int, Aggregate]:
    totals = {}
    for name, function in options.columns.items():
        path = f"totals.columns.{name}"
        at = column_index(schema, name, path)
        totals[at] = Aggregate(function, schema.field(at).type, options.decimals)
        if fault := totals[at].fault():
            raise DesignMismatch(f"{path}: The column {name} {fault}.")
    return dict(sorted(totals.items()))


def _changes(keys: pa.Array) -> list[int]:
    """Rows whose key is another than that of the row before."""
    here, before = keys[1:], keys[:-1]
    differ = pc.or_(pc.fill_null(pc.not_equal(here, before), False), pc.xor(here.is_null(), before.is_null()))
    return [at + 1 for at in pc.indices_nonzero(differ).to_pylist()]


def _shown(value: str | None) -> str:
    return "(none)" if value is None else value or "(empty)"


def interleave(rows: pa.Array, lines: TotalRows, texts: Sequence[str]) -> Iterator[bytes | memoryview]:
    """The texts of the rows of a piece, one after another, with that of each line before its row."""
    start = 0
    for before, line in zip(lines.before, texts, strict=True):
        yield value_bytes(rows[start:before])
        yield line.encode()
        start = before
    yield value_bytes(rows[start:])
