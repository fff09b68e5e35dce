"""Text that is more than a row of letters of one font: runs of glyphs, joined, combined and ordered by HarfBuzz."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import NamedTuple

import uharfbuzz as hb

from reports.rendering.pdf import bidi
from reports.rendering.pdf.fallback import OpenFont, font_of, main_font

_REMEMBERED = 8_192


class Glyph(NamedTuple):
    """A glyph of a font. Advance and offsets are thousandths of an em."""

    id: int
    advance: float
    x: float
    y: float


class Cluster(NamedTuple):
    """Characters that are drawn together, and the glyphs that draw them, from left to right."""

    text: str
    glyphs: tuple[Glyph, ...]


@dataclass(slots=True)
class Run:
    """Neighbours of one font, script and direction: characters first, clusters once it is shaped."""

    font: OpenFont
    script: str
    level: int
    text: list[str] = field(default_factory=list)
    clusters: list[Cluster] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Shaped:
    """A line as it is drawn: its runs from left to right, and its width in ems."""

    runs: tuple[Run, ...]
    ems: float


@lru_cache(_REMEMBERED)
def shaped(line: str, *, bold: bool) -> Shaped:
    """A line without line ends. What no font has is left out: reports.rendering.pdf.fonts puts codes in its place."""
    runs = list(_runs(line, bold=bold))
    for run in runs:
        run.clusters = _clusters(run)
    total = sum(glyph.advance for run in runs for cluster in run.clusters for glyph in cluster.glyphs)
    return Shaped(tuple(bidi.in_visual_order(runs)), total / 1000)


def _runs(line: str, *, bold: bool) -> Iterator[Run]:
    """The line in logical order. Marks stay with the letter before them, signs and blanks with its script."""
    run: Run | None = None
    for index, level in bidi.levels(line):
        character = line[index]
        font, script, is_mark = _traits(character, bold)
        if run is not None and is_mark and ord(character) in run.font.known:
            font = run.font
        if run is not None and run.font is font and run.level == level and (not script or script == run.script):
            run.text.append(character)
            continue
        if run is not None and not run.script and run.font is font and run.level == level:
            run.script = script
        else:
            if run is not None:
                yield run
            run = Run(font, script, level)
        run.text.append(character)
    if run is not None:
        yield run


def _clusters(run: Run) -> list[Cluster]:
    buffer = hb.Buffer()
    buffer.add_codepoints([ord(character) for character in run.text])
    buffer.direction = "rtl" if run.level % 2 else "ltr"
    buffer.guess_segment_properties()
    hb.shape(run.font.font, buffer)
    scale, grouped = run.font.per_mille, dict[int, list[Glyph]]()
    for info, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        glyph = Glyph(info.codepoint, position.x_advance * scale, position.x_offset * scale, position.y_offset * scale)
        grouped.setdefault(info.cluster, []).append(glyph)
    starts = sorted(grouped)
    ends = dict(zip(starts, [*starts[1:], len(run.text)], strict=True))
    text = "".join(run.text)
    found = [Cluster(text[start : ends[start]], tuple(glyphs)) for start, glyphs in grouped.items()]
    return [cluster for cluster in found if cluster.text.isprintable() or not _is_ignorable(cluster)]


def _is_ignorable(cluster: Cluster) -> bool:
    """Marks of direction and the like: HarfBuzz draws them as blanks of no width."""
    return all(unicodedata.category(character) == "Cf" for character in cluster.text)


@cache
def _traits(character: str, bold: bool) -> tuple[OpenFont, str, bool]:
    """Font, script, and whether it is a mark on the letter before it. By position: names cost more than the rest."""
    font = font_of(character, bold=bold) or main_font(bold=bold)
    return font, _script(character), unicodedata.category(character)[0] == "M"


def _script(character: str) -> str:
    """The first word of a letter's name stands for its script; signs, digits and blanks have none."""
    if unicodedata.category(character)[0] not in "LM":
        return ""
    return unicodedata.name(character, "").partition(" ")[0].removesuffix("-")
