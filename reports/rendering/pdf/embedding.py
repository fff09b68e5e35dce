"""Fonts in a PDF by glyph, as shaped text needs them: the glyphs that were drawn, and what each of them says."""

from __future__ import annotations

import struct
from functools import cached_property
from typing import Any

import uharfbuzz as hb

from reports.rendering.pdf.fallback import OpenFont
from reports.rendering.pdf.shaping import Cluster, Glyph, Run

#: Tables that only shaping and screens need.
_UNUSED_TABLES = (
    "GSUB",
    "GPOS",
    "GDEF",
    "BASE",
    "JSTF",
    "VORG",
    "vhea",
    "vmtx",
    "name",
    "post",
    "DSIG",
    "kern",
    "OS/2",
)
_SYMBOLIC = 4
_STEM_WIDTH = 80
_REMEMBERED = 8_192
#: Thousandths of an em that nobody sees.
_NOTHING = 0.5
_MAP_HEAD = (
    "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CMapName /Adobe-Identity-UCS def\n"
    "/CMapType 2 def\n1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n"
)
_MAP_TAIL = "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
_MOST_IN_A_BLOCK = 100


class EmbeddedFont:
    """One font of one document. ReportLab calls `addObjects` when the document is written."""

    def __init__(self, font: OpenFont, pdf: Any) -> None:
        self.font = font
        #: What each glyph that was drawn stands for.
        self._said: dict[int, str] = {}
        self._widths: dict[int, float] = {}
        self._shown: dict[Glyph, str] = {}
        #: Operators of lines that come again and again, as the values of a column do.
        self._drawn: dict[tuple[int, float], tuple[Run, str]] = {}
        self._internal = f"F{len(pdf.fontMapping) + 1}+0"
        pdf.fontMapping[self._internal] = f"/{self._internal}"
        pdf.delayedFonts.append(self)

    @property
    def name(self) -> str:
        """As a page calls it."""
        return f"/{self._internal}"

    def drawn(self, run: Run, size: float) -> str:
        """The operators that draw the run where the text stands, and move on by its width."""
        remembered = self._drawn.get((id(run), size))
        if remembered is not None:
            return remembered[1]
        if len(self._drawn) >= _REMEMBERED:
            self._drawn.clear()
        text = self._operators(run, size)
        # With the run itself, whose number another one would get once it is gone.
        self._drawn[id(run), size] = run, text
        return text

    def _operators(self, run: Run, size: float) -> str:
        operators = _Operators(self, size)
        for cluster in run.clusters:
            if self._says(cluster, is_leftward=run.level % 2 == 1):
                operators.draw(cluster)
            else:
                operators.draw_as(cluster, cluster.text)
        return operators.text()

    def width(self, glyph: int) -> float:
        """The glyph's own width, in thousandths of an em."""
        found = self._widths.get(glyph)
        if found is None:
            found = self._widths[glyph] = round(self._units[min(glyph, len(self._units) - 1)] * self.font.per_mille, 2)
        return found

    def shown(self, glyph: Glyph) -> str:
        """The glyph between its own corrections, as an operator has it. There are few, drawn many times."""
        found = self._shown.get(glyph)
        if found is None:
            after = glyph.advance - glyph.x - self.width(glyph.id)
            before_it = f"{-glyph.x:.1f}" if abs(glyph.x) >= _NOTHING else ""
            after_it = f"{-after:.1f}" if abs(after) >= _NOTHING else ""
            found = self._shown[glyph] = f"{before_it}<{glyph.id:04X}>{after_it}"
        return found

    def _says(self, cluster: Cluster, *, is_leftward: bool) -> bool:
        """Whether the glyphs alone tell a reader what the text is."""
        ids = [glyph.id for glyph in cluster.glyphs]
        if len(ids) == 1:
            return self._said.setdefault(ids[0], cluster.text) == cluster.text
        if is_leftward and len(ids) == len(cluster.text):
            # A letter and its marks, the last one first. Readers turn leftward text around glyph by glyph.
            said = [self._said.setdefault(id, letter) for id, letter in zip(ids, cluster.text[::-1], strict=True)]
            return "".join(said) == cluster.text[::-1]
        for id in ids:
            self._said.setdefault(id, "")
        return False

    @cached_property
    def _units(self) -> tuple[int, ...]:
        (count,) = struct.unpack(">H", self.font.table("hhea")[34:36])
        return struct.unpack(f">{2 * count}H", self.font.table("hmtx")[: 4 * count])[::2]

    # ---- what ReportLab asks for at the end

    def addObjects(self, pdf: Any) -> None:  # noqa: N802 -- ReportLab's name
        from reportlab.pdfbase.pdfdoc import PDFArray, PDFDictionary, PDFName

        base = PDFName(f"AAAAAA+{''.join(c for c in self.font.name if c.isalnum() or c == '-')}")
        descendant = PDFDictionary(
            {
                "Type": PDFName("Font"),
                "Subtype": PDFName("CIDFontType0" if self.font.is_cff else "CIDFontType2"),
                "BaseFont": base,
                "CIDSystemInfo": PDFDictionary({"Registry": "(Adobe)", "Ordering": "(Identity)", "Supplement": 0}),
                "FontDescriptor": pdf.Reference(self._descriptor(pdf, base)),
                "W": PDFArray([part for id in sorted(self._said) for part in (id, PDFArray([self.width(id)]))]),
                **({} if self.font.is_cff else {"CIDToGIDMap": PDFName("Identity")}),
            }
        )
        whole = PDFDictionary(
            {
                "Type": PDFName("Font"),
                "Subtype": PDFName("Type0"),
                "BaseFont": base,
                "Encoding": PDFName("Identity-H"),
                "DescendantFonts": PDFArray([pdf.Reference(descendant)]),
                "ToUnicode": pdf.Reference(_stream(self._map().encode())),
            }
        )
        pdf.idToObject["BasicFonts"].dict[self._internal] = pdf.Reference(whole)

    def _descriptor(self, pdf: Any, base: Any) -> Any:
        from reportlab.pdfbase.pdfdoc import PDFArray, PDFDictionary, PDFName

        scale = self.font.per_mille
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
                ("FontFile3" if self.font.is_cff else "FontFile2"): pdf.Reference(self._file()),
            }
        )

    def _file(self) -> Any:
        """The font with the drawn glyphs only, under the numbers that the pages name them by."""
        from reportlab.pdfbase.pdfdoc import PDFName

        wanted = hb.SubsetInput()
        wanted.flags = hb.SubsetFlags.RETAIN_GIDS | hb.SubsetFlags.NO_LAYOUT_CLOSURE
        wanted.sets(hb.SubsetInputSets.GLYPH_INDEX).update(self._said)
        tables = (int.from_bytes(tag.encode(), "big") for tag in _UNUSED_TABLES)
        wanted.sets(hb.SubsetInputSets.DROP_TABLE_TAG).update(tables)
        subset = hb.subset(self.font.face, wanted)
        if not self.font.is_cff:
            data = bytes(subset.blob.data)
            return _stream(data, Length1=len(data))
        return _stream(bytes(subset.reference_table("CFF ").data), Subtype=PDFName("CIDFontType0C"))

    def _map(self) -> str:
        said = [f"<{id:04X}> <{_utf16(text)}>" for id, text in sorted(self._said.items()) if text]
        blocks = [said[start : start + _MOST_IN_A_BLOCK] for start in range(0, len(said), _MOST_IN_A_BLOCK)]
        lines = [line for block in blocks for line in (f"{len(block)} beginbfchar", *block, "endbfchar")]
        return "\n".join([_MAP_HEAD, *lines, _MAP_TAIL])


def embedded(font: OpenFont, pdf: Any) -> EmbeddedFont:
    """The font as this document has it."""
    known = (one for one in pdf.delayedFonts if isinstance(one, EmbeddedFont) and one.font is font)
    return next(known, None) or EmbeddedFont(font, pdf)


class _Operators:
    """Text operators, with as few of them as the glyphs allow."""

    def __init__(self, font: EmbeddedFont, size: float) -> None:
        self._font = font
        self._size = size
        self._lines: list[str] = []
        self._shown: list[str] = []
        self._rise = 0.0

    def draw(self, cluster: Cluster) -> None:
        for glyph in cluster.glyphs:
            self._draw(glyph)

    def draw_as(self, cluster: Cluster, text: str) -> None:
        """Glyphs that a reader is to take for this text."""
        self._flush()
        self._lines.append(f"/Span <</ActualText <FEFF{_utf16(text)}>>> BDC")
        self.draw(cluster)
        self._flush()
        self._lines.append("EMC")

    def text(self) -> str:
        self._raise(0.0)
        self._flush()
        return "\n".join(self._lines)

    def _draw(self, glyph: Glyph) -> None:
        self._raise(glyph.y)
        self._shown.append(self._font.shown(glyph))

    def _raise(self, level: float) -> None:
        if level != self._rise:
            self._flush()
            self._lines.append(f"{level * self._size / 1000:.3f} Ts")
            self._rise = level

    def _flush(self) -> None:
        if self._shown:
            self._lines.append(f"[{''.join(self._shown)}] TJ".replace("><", ""))
            self._shown = []


def _stream(data: bytes, **entries: object) -> Any:
    from reportlab.pdfbase.pdfdoc import PDFDictionary, PDFStream, PDFStreamFilterZCompress

    stream = PDFStream(dictionary=PDFDictionary(entries), content=data)
    stream.filters = [PDFStreamFilterZCompress()]
    return stream


def _utf16(text: str) -> str:
    return text.encode("utf-16-be").hex().upper()
