"""Lines of totals in a PDF: a band across the table, as high as one row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from reports.rendering.column_text import display_text
from reports.rendering.pdf.fonts import Face, Glyphs, bold, regular
from reports.rendering.pdf.layout import Column, Layout
from reports.rendering.pdf.pen import INK, SOFT, Pen
from reports.rendering.totals.group_totals import TotalRows, Totals

#: A total that is wider than its column is drawn smaller, down to this part of the type size.
_SMALLEST = 0.5
_WORD = 0.8
_GAP = 4.0
#: Digits that a sum may have more than the longest value seen when the columns get their widths.
_MORE_DIGITS = "00000"


@dataclass(frozen=True)
class Band:
    """A line of totals, ready to be drawn: the text of each column, None where there is none."""

    grand: bool
    label: str
    label_column: int | None
    texts: Sequence[str | None]
    words: Sequence[str]


def bands(lines: TotalRows, totals: Totals, glyphs: Glyphs) -> Iterator[Band]:
    """The lines, in order."""
    functions = totals.functions()
    words = ["" if functions.get(at, "sum") == "sum" else functions[at] for at in range(totals.width)]
    columns = [[] if column is None else _texts(column, glyphs) for column in lines.columns]
    for line, (depth, label) in enumerate(zip(lines.depths, lines.labels, strict=True)):
        texts = [column[line] if column else None for column in columns]
        yield Band(not depth, glyphs.shown(label).replace("\n", " "), totals.label_column(depth), texts, words)


def _texts(column: pa.Array, glyphs: Glyphs) -> list[str]:
    texts = ("\u2013" if value is None else value for value in display_text(column).to_pylist())
    return [glyphs.shown(value).replace("\n", " ") for value in texts]


def widened(sample: Sequence[Sequence[str | None]], totals: Totals) -> list[list[str | None]]:
    """The texts that decide how wide columns are, with room for longer sums, and for the words beside others."""
    functions = totals.functions()
    wider: list[list[str | None]] = [list(texts) for texts in sample]
    for at, function in functions.items():
        longest = max((value for value in wider[at] if value and "\n" not in value), key=len, default="")
        wider[at].append(longest + (_MORE_DIGITS if function == "sum" else f"  {function}"))
    return wider


def draw_band(pen: Pen, band: Band, layout: Layout, y: float) -> None:
    """Draw the texts of the band on the base line `y`."""
    for column, shown, word in zip(layout.columns, band.texts, band.words, strict=True):
        if shown is not None:
            _draw_total(pen, column, shown, word, layout.size, y)
    if band.label_column is not None:
        room = _label_room(band, layout)
        start = layout.columns[band.label_column].x
        pen.text(start, y, *_fitted(band.label, room, layout.size), INK)


def _draw_total(pen: Pen, column: Column, shown: str, word: str, size: float, y: float) -> None:
    shown, face, fitting = _fitted(shown, column.width, size)
    width = face.width(shown, fitting)
    x = column.x + column.width - width if column.right else column.x
    pen.text(x, y, shown, face, fitting, INK)
    word_width = regular().width(word, size * _WORD)
    if word and width + _GAP + word_width <= column.width:
        start = x - _GAP - word_width if column.right else x + width + _GAP
        pen.text(start, y, word, regular(), size * _WORD, SOFT)


def _label_room(band: Band, layout: Layout) -> float:
    """From the label's column to the next total."""
    first = band.label_column or 0
    last = next((at for at in range(first + 1, len(band.texts)) if band.texts[at] is not None), len(band.texts)) - 1
    return layout.columns[last].x + layout.columns[last].width - layout.columns[first].x


def _fitted(shown: str, room: float, size: float) -> tuple[str, Face, float]:
    """The text, smaller where it would be too wide, and cut with an ellipsis where even that does not help."""
    face = bold()
    width = face.width(shown, size)
    if width <= room:
        return shown, face, size
    smaller = max(size * room / width, size * _SMALLEST)
    while len(shown) > 1 and face.width(shown, smaller) > room + 0.01:
        shown = f"{shown[:-2]}…"
    return shown, face, smaller
