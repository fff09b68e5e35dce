"""Shaping by HarfBuzz, for text that needs more than one glyph per character from one font."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import NamedTuple

import uharfbuzz as hb

from reports.rendering.pdf import bidi
from reports.rendering.pdf.fallback import OpenFont, font_for, main_font

_CACHED_LINES = 8_192


class Glyph(NamedTuple):
    """A glyph of a font. `advance`, `x` and `y` are thousandths of an em."""

    id: int
    advance: float
    x: float
    y: float


class Cluster(NamedTuple):
    """Characters that are drawn together, and their glyphs from left to right."""

    text: str
    glyphs: tuple[Glyph, ...]


@dataclass(slots=True)
class Run:
    """Neighboring characters of one font, script and level; `clusters` is empty until the run is shaped."""

    font: OpenFont
    script: str
    level: int
    text: list[str] = field(default_factory=list)
    clusters: list[Cluster] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ShapedLine:
    """The runs of a line from left to right, and its width in ems."""

    runs: tuple[Run, ...]
    ems: float


class _Traits(NamedTuple):
    font: OpenFont
    script: str
    is_mark: bool


@lru_cache(_CACHED_LINES)
def shape(line: str, *, bold: bool) -> ShapedLine:
    """Shape a line without line ends. Characters without a font must be replaced first (`MissingGlyphs`)."""
    runs = list(_runs(line, bold=bold))
    for run in runs:
        run.clusters = _clusters(run)
    advance = sum(glyph.advance for run in runs for cluster in run.clusters for glyph in cluster.glyphs)
    return ShapedLine(tuple(bidi.in_visual_order(runs)), advance / 1000)


def _runs(line: str, *, bold: bool) -> Iterator[Run]:
    """The runs in logical order. A mark stays with its letter; punctuation and spaces take the script before them."""
    run: Run | None = None
    for index, level in bidi.levels(line):
        character = line[index]
        traits = _traits(character, bold)
        font, script = traits.font, traits.script
        if run is not None:
            if traits.is_mark and ord(character) in run.font.code_points:
                font = run.font
            if run.font is font and run.level == level:
                if not script or script == run.script:
                    run.text.append(character)
                    continue
                if not run.script:
                    # So far only punctuation, digits and spaces: they go with the script that follows.
                    run.script = script
                    run.text.append(character)
                    continue
            yield run
        run = Run(font, script, level, [character])
    if run is not None:
        yield run


def _clusters(run: Run) -> list[Cluster]:
    buffer = hb.Buffer()
    buffer.add_codepoints([ord(character) for character in run.text])
    buffer.direction = "rtl" if run.level % 2 else "ltr"
    buffer.guess_segment_properties()
    hb.shape(run.font.font, buffer)
    scale, glyphs_at = run.font.thousandths_per_unit, dict[int, list[Glyph]]()
    for info, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        glyph = Glyph(info.codepoint, position.x_advance * scale, position.x_offset * scale, position.y_offset * scale)
        glyphs_at.setdefault(info.cluster, []).append(glyph)
    starts = sorted(glyphs_at)
    end_of = dict(zip(starts, [*starts[1:], len(run.text)], strict=True))
    text = "".join(run.text)
    clusters = [Cluster(text[start : end_of[start]], tuple(glyphs)) for start, glyphs in glyphs_at.items()]
    # Without direction marks and other format characters, which HarfBuzz draws as spaces without width.
    return [
        cluster
        for cluster in clusters
        if cluster.text.isprintable() or not all(unicodedata.category(character) == "Cf" for character in cluster.text)
    ]


@cache
def _traits(character: str, bold: bool) -> _Traits:
    category = unicodedata.category(character)
    # The first word of a letter's name stands for its script. Punctuation, digits and spaces belong to any.
    script = unicodedata.name(character, "").partition(" ")[0].removesuffix("-") if category[0] in "LM" else ""
    return _Traits(font_for(character, bold=bold) or main_font(bold=bold), script, category[0] == "M")
