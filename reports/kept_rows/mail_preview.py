"""The first rows and the totals of kept rows, for a mail: runs in children only, because the rows are an author's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from reports.exceptions import DesignMismatch
from reports.kept_rows.file import read_kept
from reports.rendering.base import TotalsOptions
from reports.rendering.columns.options import ColumnOptions
from reports.rendering.columns.views import ColumnView, column_views, label_of
from reports.rendering.text_arrays import TEXT, concat, slices
from reports.rendering.totals.group_totals import Totals

#: What a reader of a mail sees at once.
_ROWS, _COLUMNS, _CHARACTERS = 10, 8, 60


@dataclass(frozen=True)
class MailPreview:
    """Texts of the first visible columns and rows. `total`: of the grand total; empty without one.

    `more_rows` and `more_columns` are left out.
    """

    labels: list[str]
    aligned_right: list[bool]
    rows: list[list[str]]
    total: list[str] = field(default_factory=list)
    more_rows: int = 0
    more_columns: int = 0


def mail_preview(
    path: str,
    section: str | None,
    options: Mapping[str, ColumnOptions],
    totals: TotalsOptions | None,
    locale: str,
) -> MailPreview:
    """Return what a mail shows of a file of kept rows, as the formats for people do."""
    with read_kept(Path(path), section) as kept:
        try:
            views = column_views(kept.schema, options, locale)
        except DesignMismatch:
            views = column_views(kept.schema, {}, locale)
        visible = [at for at, view in enumerate(views) if not view.is_hidden]
        shown = visible[:_COLUMNS]
        summed = Totals(totals, kept.schema, views) if totals else None
        rows, count = list[list[str]](), 0
        for batch in kept.batches:
            if len(rows) < _ROWS:
                first = batch.slice(0, _ROWS - len(rows))
                texts = [_shortened(views[at], first.column(at)) for at in shown]
                rows += [list(row) for row in zip(*texts, strict=True)]
            count += batch.num_rows
            for part in slices(batch) if summed else ():
                summed.add(part)  # type: ignore[union-attr]
    return MailPreview(
        labels=[label_of(kept.schema.names[at], options) for at in shown],
        aligned_right=[views[at].alignment == "right" for at in shown],
        rows=rows,
        total=_total(summed, views, shown) if summed else [],
        more_rows=count - len(rows),
        more_columns=len(visible) - len(shown),
    )


def _total(totals: Totals, views: list[ColumnView], shown: list[int]) -> list[str]:
    """Return the cells of the grand total, which is the last of the total rows."""
    found = totals.finish(truncated=False)
    if not found.depths or found.depths[-1] != 0:
        return []
    functions = totals.functions()
    texts = []
    for at in shown:
        values = found.columns[at]
        last = None if values is None else views[at].total_texts(values.slice(len(values) - 1), functions[at])
        texts.append("" if last is None else last.to_pylist()[0] or "")
    if texts and not texts[0]:
        texts[0] = found.labels[-1]
    return texts


def _shortened(view: ColumnView, column: pa.Array) -> list[str]:
    texts = view.texts(column).cast(TEXT)
    start = pc.utf8_slice_codeunits(texts, 0, _CHARACTERS)
    cut = pc.if_else(pc.equal(start, texts), start, concat(start, "…"))
    return [text or "" for text in cut.to_pylist()]
