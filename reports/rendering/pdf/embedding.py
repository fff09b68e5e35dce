"""Fonts for shaped text: embedded by glyph id, with a map from each glyph to the text it represents.

PDF 1.7 (ISO 32000-1), 9.7 "Composite Fonts" and 9.10 "Extraction of Text Content".
"""

from __future__ import annotations

import struct
from functools import cached_property
from typing import Any

import uharfbuzz as hb

from reports.rendering.pdf.fallback import OpenFont
from reports.rendering.pdf.shaping import Cluster, Glyph, Run

#: Tables that a PDF viewer does not read: only shaping and screens need them.
_UNUSED_TABLES = (
    "GSUB", "GPOS", "GDEF", "BASE", "JSTF", "VORG", "vhea", "vmtx", "name", "post", "DSIG", "kern", "OS/2",
)  # fmt: skip
#: Flag of the font descriptor: the font has its own character set.
_SYMBOLIC = 4
_STEM_WIDTH = 80
_CACHED_RUNS = 8_192
#: Corrections below this many thousandths of an em are left out: nobody sees them.
_INVISIBLE = 0.5
_CMAP_HEAD = (
    "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CMapName /Adobe-Identity-UCS def\n"
    "/CMapType 2 def\n1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n"
)
_CMAP_TAIL = "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
#: A CMap block holds at most 100 entries (Adobe Technical Note 5014).
_CMAP_BLOCK = 100


class EmbeddedFont:
    """One font of one document. ReportLab calls `addObjects` when it writes the document."""

    def __init__(self, font: OpenFont, pdf: Any) -> None:
        self.font = font
        #: The text that each drawn glyph represents.
        self._text_of: dict[int, str] = {}
        self._widths: dict[int, float] = {}
        self._glyph_operands: dict[Glyph, str] = {}
        #: Operators of runs that occur again and again, like the values of a column.
        self._operators_of: dict[tuple[int, float], tuple[Run, str]] = {}
        self._internal_name = f"F{len(pdf.fontMapping) + 1}+0"
        pdf.fontMapping[self._internal_name] = f"/{self._internal_name}"
        pdf.delayedFonts.append(self)

    @property
    def name(self) -> str:
        """The font's name in page content."""
        return f"/{self._internal_name}"

    def operators(self, run: Run, size: float) -> str:
        """The text operators that draw the run at the current position and advance by its width."""
        cached = self._operators_of.get((id(run), size))
        if cached is not None:
            return cached[1]
        if len(self._operators_of) >= _CACHED_RUNS:
            self._operators_of.clear()
        operators = _Operators(self, size)
        for cluster in run.clusters:
            if self._glyphs_spell(cluster, is_right_to_left=run.level % 2 == 1):
                operators.draw(cluster)
            else:
                operators.draw_with_actual_text(cluster)
        text = operators.text()
        # Keeps the run alive: the id of a deleted run could be given to another one.
        self._operators_of[id(run), size] = run, text
        return text

    def operand(self, glyph: Glyph) -> str:
        """The glyph with its position corrections, as an operand of TJ. Few glyphs are drawn very often."""
        operand = self._glyph_operands.get(glyph)
        if operand is None:
            after = glyph.advance - glyph.x - self._width(glyph.id)
            shift_before = f"{-glyph.x:.1f}" if abs(glyph.x) >= _INVISIBLE else ""
            # The space separates it from the next glyph's shift.
            shift_after = f"{-after:.1f} " if abs(after) >= _INVISIBLE else ""
            operand = self._glyph_operands[glyph] = f"{shift_before}<{glyph.id:04X}>{shift_after}"
        return operand

    def _width(self, glyph_id: int) -> float:
        """The glyph's own width in thousandths of an em."""
        width = self._widths.get(glyph_id)
        if width is None:
            # Glyphs beyond the table have the width of its last entry (OpenType specification, hmtx table).
            units = self._widths_in_units[min(glyph_id, len(self._widths_in_units) - 1)]
            width = self._widths[glyph_id] = round(units * self.font.thousandths_per_unit, 2)
        return width

    @cached_property
    def _widths_in_units(self) -> tuple[int, ...]:
        (count,) = struct.unpack(">H", self.font.table("hhea")[34:36])
        return struct.unpack(f">{2 * count}H", self.font.table("hmtx")[: 4 * count])[::2]

    def _glyphs_spell(self, cluster: Cluster, *, is_right_to_left: bool) -> bool:
        """True if the texts of the glyphs add up to the cluster's text, so that copying works without ActualText."""
        ids = [glyph.id for glyph in cluster.glyphs]
        if len(ids) == 1:
            return self._text_of.setdefault(ids[0], cluster.text) == cluster.text
        if is_right_to_left and len(ids) == len(cluster.text):
            # A letter and its marks, last one first: readers reverse right-to-left text glyph by glyph.
            reversed_text = cluster.text[::-1]
            spelled = [self._text_of.setdefault(id, letter) for id, letter in zip(ids, reversed_text, strict=True)]
            return "".join(spelled) == reversed_text
        for id in ids:
            self._text_of.setdefault(id, "")
        return False

    # ReportLab calls the following when it writes the document.

    def addObjects(self, pdf: Any) -> None:  # noqa: N802 -- ReportLab's name
        """Add the font's objects to the document."""
        from reportlab.pdfbase.pdfdoc import PDFArray, PDFDictionary, PDFName

        # The name of a font with only some of its glyphs starts with six letters and a plus (ISO 32000-1, 9.6.4).
        base = PDFName(f"AAAAAA+{''.join(c for c in self.font.name if c.isalnum() or c == '-')}")
        widths = [part for id in sorted(self._text_of) for part in (id, PDFArray([self._width(id)]))]
        descendant = {
            "Type": PDFName("Font"),
            "Subtype": PDFName("CIDFontType0" if self.font.is_cff else "CIDFontType2"),
            "BaseFont": base,
            "CIDSystemInfo": PDFDictionary({"Registry": "(Adobe)", "Ordering": "(Identity)", "Supplement": 0}),
            "FontDescriptor": pdf.Reference(self._descriptor(pdf, base)),
            "W": PDFArray(widths),
        }
        if not self.font.is_cff:
            descendant["CIDToGIDMap"] = PDFName("Identity")
        composite = {
            "Type": PDFName("Font"),
            "Subtype": PDFName("Type0"),
            "BaseFont": base,
            "Encoding": PDFName("Identity-H"),
            "DescendantFonts": PDFArray([pdf.Reference(PDFDictionary(descendant))]),
            "ToUnicode": pdf.Reference(_stream(self._to_unicode_cmap().encode())),
        }
        pdf.idToObject["BasicFonts"].dict[self._internal_name] = pdf.Reference(PDFDictionary(composite))

    def _descriptor(self, pdf: Any, base: Any) -> Any:
        from reportlab.pdfbase.pdfdoc import PDFArray, PDFDictionary, PDFName

        scale = self.font.thousandths_per_unit
        box = struct.unpack(">4h", self.font.table("head")[36:44])
        ascent, descent = struct.unpack(">2h", self.font.table("hhea")[4:8])
        return PDFDictionary(
            {
                "Type": PDFName("FontDescriptor"),
                "FontName": base,
                "Flags": _SYMBOLIC,
                "FontBBox": PDFArray([round(side * scale) for side in box]),
                "ItalicAngle": 0,
                "Ascent": round(ascent * scale),
                "Descent": round(descent * scale),
                "CapHeight": round(ascent * scale),
                "StemV": _STEM_WIDTH,
                ("FontFile3" if self.font.is_cff else "FontFile2"): pdf.Reference(self._font_file()),
            }
        )

    def _font_file(self) -> Any:
        """The font reduced to the drawn glyphs, which keep their ids because pages name them by id."""
        from reportlab.pdfbase.pdfdoc import PDFName

        request = hb.SubsetInput()
        request.flags = hb.SubsetFlags.RETAIN_GIDS | hb.SubsetFlags.NO_LAYOUT_CLOSURE
        request.sets(hb.SubsetInputSets.GLYPH_INDEX).update(self._text_of)
        dropped_tables = (int.from_bytes(tag.encode(), "big") for tag in _UNUSED_TABLES)
        request.sets(hb.SubsetInputSets.DROP_TABLE_TAG).update(dropped_tables)
        subset = hb.subset(self.font.face, request)
        if self.font.is_cff:
            return _stream(bytes(subset.reference_table("CFF ").data), Subtype=PDFName("CIDFontType0C"))
        data = bytes(subset.blob.data)
        return _stream(data, Length1=len(data))

    def _to_unicode_cmap(self) -> str:
        entries = [f"<{id:04X}> <{_utf16(text)}>" for id, text in sorted(self._text_of.items()) if text]
        blocks = [entries[start : start + _CMAP_BLOCK] for start in range(0, len(entries), _CMAP_BLOCK)]
        lines = [line for block in blocks for line in (f"{len(block)} beginbfchar", *block, "endbfchar")]
        return "\n".join([_CMAP_HEAD, *lines, _CMAP_TAIL])


def embed(font: OpenFont, pdf: Any) -> EmbeddedFont:
    """The font in this document; added at its first use."""
    for other in pdf.delayedFonts:
        if isinstance(other, EmbeddedFont) and other.font is font:
            return other
    return EmbeddedFont(font, pdf)


class _Operators:
    """Text operators for the glyphs of a run, as few as possible."""

    def __init__(self, font: EmbeddedFont, size: float) -> None:
        self._font = font
        self._size = size
        self._lines: list[str] = []
        self._operands: list[str] = []
        self._rise = 0.0

    def draw(self, cluster: Cluster) -> None:
        for glyph in cluster.glyphs:
            self._set_rise(glyph.y)
            self._operands.append(self._font.operand(glyph))

    def draw_with_actual_text(self, cluster: Cluster) -> None:
        """Draw the glyphs, marked with the text they represent (ISO 32000-1, 14.9.4)."""
        self._flush()
        self._lines.append(f"/Span <</ActualText <FEFF{_utf16(cluster.text)}>>> BDC")
        self.draw(cluster)
        self._flush()
        self._lines.append("EMC")

    def text(self) -> str:
        self._set_rise(0.0)
        self._flush()
        return "\n".join(self._lines)

    def _set_rise(self, rise: float) -> None:
        """Raise or lower the glyphs that follow by this many thousandths of an em."""
        if rise != self._rise:
            self._flush()
            self._lines.append(f"{rise * self._size / 1000:.3f} Ts")
            self._rise = rise

    def _flush(self) -> None:
        if self._operands:
            # Neighbors without a correction between them become one string.
            self._lines.append(f"[{''.join(self._operands)}] TJ".replace("><", ""))
            self._operands = []


def _stream(data: bytes, **entries: object) -> Any:
    from reportlab.pdfbase.pdfdoc import PDFDictionary, PDFStream, PDFStreamFilterZCompress

    stream = PDFStream(dictionary=PDFDictionary(entries), content=data)
    stream.filters = [PDFStreamFilterZCompress()]
    return stream


def _utf16(text: str) -> str:
    return text.encode("utf-16-be").hex().upper()
