"""Totals in a PDF: a band across the table, one row high."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from reports.rendering.columns.views import ColumnView
from reports.rendering.pdf.fonts import Face, MissingGlyphs, bold, regular
from reports.rendering.pdf.layout import Layout
from reports.rendering.pdf.pen import INK, SOFT, Pen
from reports.rendering.totals.group_totals import TotalRows, Totals

#: A total wider than its column is drawn smaller, down to this share of the type size.
_SMALLEST = 0.5
#: Type size of a function's name beside its total, as a share of the table's.
_FUNCTION_SIZE = 0.8
_GAP = 4.0
#: Stands for the digits that a sum may have beyond the longest value of the sample.
_EXTRA_DIGITS = "00000"


@dataclass(frozen=True)
class Band:
    """One row of totals, ready to draw. `texts` and `functions` by column; a text is None where there is no total."""

    is_grand_total: bool
    label: str
    label_column: int | None
    texts: Sequence[str | None]
    functions: Sequence[str]


def bands(rows: TotalRows, totals: Totals, views: Sequence[ColumnView], glyphs: MissingGlyphs) -> Iterator[Band]:
    """The rows of totals in order, with the visible columns."""
    visible = [column for column, view in enumerate(views) if not view.is_hidden]
    function_of = totals.functions()
    # A sum needs no name.
    functions = ["" if function_of.get(column) == "sum" else function_of.get(column, "") for column in visible]
    columns = [
        None if values is None else _one_line_texts(views[column].total_texts(values, function_of[column]), glyphs)
        for column, values in enumerate(rows.columns)
    ]
    for row, (depth, label) in enumerate(zip(rows.depths, rows.labels, strict=True)):
        texts = [texts[row] if (texts := columns[column]) else None for column in visible]
        label = glyphs.replace_in(label).replace("\n", " ")
        label_column = totals.label_column(depth)
        at = visible.index(label_column) if label_column is not None else None
        yield Band(depth == 0, label, at, texts, functions)


def _one_line_texts(column: pa.Array, glyphs: MissingGlyphs) -> list[str]:
    texts = ("\u2013" if text is None else text for text in column.to_pylist())
    return [glyphs.replace_in(text).replace("\n", " ") for text in texts]


def widen_sample(sample: Sequence[Sequence[str | None]], functions: Mapping[int, str]) -> list[list[str | None]]:
    """Add texts that leave room for longer sums, and for the names of other functions. `functions`: by column."""
    widened: list[list[str | None]] = [list(texts) for texts in sample]
    for column, function in functions.items():
        longest = max((text for text in widened[column] if text and "\n" not in text), key=len, default="")
        widened[column].append((_EXTRA_DIGITS + longest) if function == "sum" else f"{longest}  {function}")
    return widened


def draw_band(pen: Pen, band: Band, layout: Layout, y: float) -> None:
    """Draw the texts of the band on the baseline `y`."""
    size = layout.size
    for column, text, function in zip(layout.columns, band.texts, band.functions, strict=True):
        if text is None:
            continue
        text, face, fitting_size = _fit(text, column.width, size)
        width = face.width(text, fitting_size)
        x = column.start(text, width, face, fitting_size)
        pen.text(x, y, text, face, fitting_size, INK)
        function_width = regular().width(function, size * _FUNCTION_SIZE)
        if function and width + _GAP + function_width <= column.width:
            start = x + width + _GAP if column.alignment == "left" else x - _GAP - function_width
            pen.text(start, y, function, regular(), size * _FUNCTION_SIZE, SOFT)
    if (first := band.label_column) is not None:
        # Up to the next total.
        following = range(first + 1, len(band.texts))
        next_total = next((column for column in following if band.texts[column] is not None), len(band.texts))
        start, last = layout.columns[first].x, layout.columns[next_total - 1]
        pen.text(start, y, *_fit(band.label, last.x + last.width - start, size), INK)


def _fit(text: str, width: float, size: float) -> tuple[str, Face, float]:
    """Shrink the text to the width; if that is not enough, cut it and add an ellipsis."""
    face = bold()
    natural_width = face.width(text, size)
    if natural_width <= width:
        return text, face, size
    smaller = max(size * width / natural_width, size * _SMALLEST)
    # The tolerance covers the rounding of `smaller`, which would cut texts that fit.
    while len(text) > 1 and face.width(text, smaller) > width + 0.01:
        text = f"{text[:-2]}…"
    return text, face, smaller
