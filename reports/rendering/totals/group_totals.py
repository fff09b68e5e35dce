"""Group totals: aggregates of the rows so far, and the total rows to write between them.

A group is a run of rows with the same values in the first columns of `group_by`, so the query has to order its rows by
them. A group that comes again is an error: readers would take its second total for the whole. Memory does not grow with
the rows, only with the number of groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from reports.exceptions import DesignMismatch
from reports.rendering.base import TotalsOptions
from reports.rendering.column_kinds import NUMBERS, TEMPORAL, kind_of
from reports.rendering.column_lookup import column_index
from reports.rendering.column_text import display_text
from reports.rendering.columns.views import ColumnView
from reports.rendering.text_arrays import value_bytes
from reports.rendering.totals.aggregates import Aggregate

#: Every group is remembered, which takes a few dozen bytes, to notice when it comes again.
MAX_GROUPS = 500_000
_FUNCTION_NAMES = {"min": "smallest", "max": "largest"}


@dataclass(frozen=True)
class TotalRows:
    """Rows of totals, to be written between the rows of a slice."""

    #: The row of the slice that each total row comes before.
    before: Sequence[int]
    #: 0 for the grand total, 1 for groups of the first column of `group_by`, and so on.
    depths: Sequence[int]
    labels: Sequence[str]
    #: By column of the result: the values of all total rows. None: the column has no totals.
    columns: Sequence[pa.Array | None]

    def __len__(self) -> int:
        return len(self.before)


class _TotalRow(NamedTuple):
    before: int
    depth: int
    label: str
    #: Partial results, by column index.
    partials: dict[int, object]


class Totals:
    """The totals of a result, whose rows are added slice by slice. Raises DesignMismatch if the columns don't fit."""

    def __init__(
        self,
        options: TotalsOptions,
        schema: pa.Schema,
        views: Sequence[ColumnView] = (),
        max_groups: int = MAX_GROUPS,
    ) -> None:
        """`views`: of the columns, whose headings are used in place of their names."""
        self._options = options
        self._schema = schema
        self._max_groups = max_groups
        self._group_by = [
            column_index(schema, name, f"totals.group_by[{at}]") for at, name in enumerate(options.group_by)
        ]
        self._aggregates = _aggregates(options, schema)
        self._views = list(views)
        self._titles = [view.label for view in views] or list(schema.names)
        self._hidden = {at for at, view in enumerate(views) if view.is_hidden}
        #: Partial results of the open groups, by depth. Depth 0 is the grand total.
        self._partials = [self._no_values() for _ in range(len(self._group_by) + 1)]
        #: Values that define the open groups, the outermost first. Empty before the first row.
        self._group: list[str | None] = []
        #: The same as they are shown.
        self._labels: list[str | None] = []
        self._seen_groups: set[int] = set()
        self._rows = 0

    @property
    def depth(self) -> int:
        """The depth of the innermost groups. 0: there are no groups."""
        return len(self._group_by)

    @property
    def width(self) -> int:
        """The number of columns of the result."""
        return len(self._schema)

    def is_number(self, column: int) -> bool:
        """Whether the totals of the column are numbers, which are aligned to the right."""
        return self._aggregates[column].function == "count" or kind_of(self._schema.field(column).type) in NUMBERS

    def label_column(self, depth: int) -> int | None:
        """The column without totals that holds the labels of this depth. None: every column has totals."""
        if depth and self._group_by[depth - 1] not in self._hidden:
            return self._group_by[depth - 1]
        free = [column for column in range(self.width) if column not in self._hidden.union(self._aggregates)]
        return next((column for column in self._group_by if column in free), free[0] if free else None)

    def functions(self) -> dict[int, str]:
        """The function of each column that has totals, by index."""
        return {column: aggregate.function for column, aggregate in self._aggregates.items()}

    def description(self) -> str:
        """The totals in words, such as "sum of flights; average of delay; by origin, carrier"."""
        columns: dict[str, list[str]] = {}
        for column, function in self.functions().items():
            if column not in self._hidden:
                columns.setdefault(_FUNCTION_NAMES.get(function, function), []).append(self._titles[column])
        parts = [f"{function} of {', '.join(names)}" for function, names in columns.items()]
        if self._group_by:
            parts.append(f"by {', '.join(self._titles[column] for column in self._group_by)}")
        return "; ".join(parts)

    def add(self, rows: pa.RecordBatch) -> TotalRows:
        """Aggregate these rows, and return the totals of the groups that end before one of them."""
        keys = [display_text(rows.column(column)) for column in self._group_by]
        runs = self._runs(keys)
        starts = list(runs)
        partials = {
            column: aggregate.partials(rows.column(column), starts) for column, aggregate in self._aggregates.items()
        }
        labels = self._group_labels(rows, keys, starts)
        finished: list[_TotalRow] = []
        for run, (start, changed_depth) in enumerate(runs.items()):
            if changed_depth is not None:
                finished += self._close_groups(changed_depth, before=start)
                values = [key[start].as_py() for key in keys]
                self._open_groups(changed_depth, values, [texts[run] for texts in labels], self._rows + start)
            self._merge(self.depth, {column: of_runs[run] for column, of_runs in partials.items()})
        self._rows += rows.num_rows
        return self._total_rows(finished)

    def finish(self, *, truncated: bool) -> TotalRows:
        """Return the totals of the groups that are still open, and the grand total if the report has one."""
        finished = self._close_groups(1, before=0, label_suffix=" (incomplete)" if truncated else "")
        if self._options.grand:
            label = f"Total of these {self._rows:,} rows" if truncated else "Total"
            finished.append(_TotalRow(0, 0, label, self._partials[0]))
        return self._total_rows(finished)

    def _runs(self, keys: Sequence[pa.Array]) -> dict[int, int | None]:
        """By first row of each run of equal keys: the outermost depth at which it differs from the row before.

        None: the run continues the open groups.
        """
        first = [key[0].as_py() for key in keys]
        if self._rows:
            pairs = zip(first, self._group, strict=True)
            changed_depth = next((depth for depth, (new, old) in enumerate(pairs, 1) if new != old), None)
        else:
            changed_depth = 1 if keys else None
        runs: dict[int, int | None] = {0: changed_depth}
        # From the innermost depth outwards, so that the outermost change of a row stays.
        for depth in range(len(keys), 0, -1):
            this, before = keys[depth - 1][1:], keys[depth - 1][:-1]
            # A comparison with NULL is NULL, though a group of NULL ends or begins there.
            differ = pc.or_(pc.fill_null(pc.not_equal(this, before), False), pc.xor(this.is_null(), before.is_null()))
            runs |= {at + 1: depth for at in pc.indices_nonzero(differ).to_pylist()}
        return dict(sorted(runs.items()))

    def _group_labels(
        self, rows: pa.RecordBatch, keys: Sequence[pa.Array], starts: Sequence[int]
    ) -> list[list[str | None]]:
        """By column of `group_by`: the text of the value with which each run starts, as in the rows."""
        first = pa.array(starts, pa.int64())
        return [
            self._views[column].texts(rows.column(column).take(first)).to_pylist()
            if self._views and self._views[column].kind in NUMBERS | TEMPORAL
            else key.take(first).to_pylist()
            for column, key in zip(self._group_by, keys, strict=True)
        ]

    def _open_groups(self, depth: int, values: list[str | None], labels: list[str | None], row: int) -> None:
        """Start new groups of this depth and of those inside of it. Raises DesignMismatch."""
        self._group, self._labels = values, labels
        for level in range(depth, self.depth + 1):
            key = hash(tuple(values[:level]))
            if key in self._seen_groups:
                names = self._options.group_by
                group = ", ".join(f"{names[at]} {_display(values[at])}" for at in range(level))
                raise DesignMismatch(
                    f"totals.group_by: The rows aren't ordered by group: {group} comes again in row {row + 1:,}. "
                    f"Order the query by {', '.join(names)}."
                )
            self._seen_groups.add(key)
        if len(self._seen_groups) > self._max_groups:
            message = f"totals.group_by: The result has more than {self._max_groups:,} groups. Group by fewer columns."
            raise DesignMismatch(message)

    def _close_groups(self, depth: int, before: int, label_suffix: str = "") -> list[_TotalRow]:
        """Finish the open groups of this depth and of those inside of it, the innermost first."""
        if not self._group:
            return []
        finished = []
        for level in range(self.depth, depth - 1, -1):
            label = f"Total {_display(self._labels[level - 1])}{label_suffix}"
            finished.append(_TotalRow(before, level, label, self._partials[level]))
            self._merge(level - 1, self._partials[level])
            self._partials[level] = self._no_values()
        return finished

    def _merge(self, level: int, partials: dict[int, object]) -> None:
        merged = self._partials[level]
        for column, aggregate in self._aggregates.items():
            merged[column] = aggregate.merge(merged[column], partials[column])

    def _no_values(self) -> dict[int, object]:
        return dict.fromkeys(self._aggregates)

    def _total_rows(self, rows: Sequence[_TotalRow]) -> TotalRows:
        columns: list[pa.Array | None] = [None] * self.width
        for column, aggregate in self._aggregates.items():
            columns[column] = aggregate.results([row.partials[column] for row in rows])
        return TotalRows(
            [row.before for row in rows], [row.depth for row in rows], [row.label for row in rows], columns
        )


def _aggregates(options: TotalsOptions, schema: pa.Schema) -> dict[int, Aggregate]:
    aggregates = {}
    for name, function in options.columns.items():
        path = f"totals.columns.{name}"
        column = column_index(schema, name, path)
        aggregates[column] = Aggregate(function, schema.field(column).type, options.decimals)
        if error := aggregates[column].error():
            raise DesignMismatch(f"{path}: The column {name} {error}.")
    return dict(sorted(aggregates.items()))


def _display(value: str | None) -> str:
    return "(none)" if value is None else value or "(empty)"


def interleave(rows: pa.Array, total_rows: TotalRows, texts: Sequence[str]) -> Iterator[bytes | memoryview]:
    """Yield the rows of a slice as bytes, with the text of each total row before its row."""
    start = 0
    for before, text in zip(total_rows.before, texts, strict=True):
        yield value_bytes(rows[start:before])
        yield text.encode()
        start = before
    yield value_bytes(rows[start:])
