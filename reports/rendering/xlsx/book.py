"""A workbook that is being written: the zip archive, and what its sheets share."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import IO, BinaryIO
from zipfile import ZIP_DEFLATED, ZipFile

from isal import isal_zlib

from reports.rendering.base import Document
from reports.rendering.charts.chart import Chart
from reports.rendering.xlsx.about_sheet import ABOUT_NAME, Fact, about_sheet
from reports.rendering.xlsx.cells import CellBuilder
from reports.rendering.xlsx.chart import chart_parts
from reports.rendering.xlsx.package import Sheet, package_parts
from reports.rendering.xlsx.styles import StyleSheet

#: Level 1 takes a third of the time of level 6, for a file that is a quarter larger.
COMPRESSION_LEVEL = 1
_MAX_NAME = 31


class IsalZipFile(ZipFile):
    """Compresses with ISA-L: as well as zlib's level 1, in a quarter of its time."""

    def open_sheet(self, name: str) -> IO[bytes]:
        """An entry to write to."""
        # By name: an entry that is opened by ZipInfo doesn't get the compression level of the archive.
        entry = self.open(name, "w")
        # zipfile has no public way to replace the compressor. Without this attribute, zlib is used.
        if hasattr(entry, "_compressor"):
            entry._compressor = isal_zlib.compressobj(COMPRESSION_LEVEL, isal_zlib.DEFLATED, -15)
        return entry

    def __del__(self) -> None:
        """Do nothing. After a failed run, the base class would write an ending into a file that is closed already."""


class Book:
    """`sheets` are the finished ones with rows; those of charts and the one about the report follow them."""

    def __init__(self, out: BinaryIO, document: Document) -> None:
        self.cells = CellBuilder()
        self.styles = StyleSheet()
        self.sheets: list[Sheet] = []
        self._zip = IsalZipFile(out, "w", ZIP_DEFLATED, compresslevel=COMPRESSION_LEVEL)
        self._document = document
        self._names = {ABOUT_NAME.casefold(), "history"}

    def unused_name(self, title: str) -> str:
        """Return a name for a sheet that is like the title, within Excel's rules, and keep it from being used again."""
        plain = re.sub(r"[\x00-\x1f\[\]:*?/\\\ufffe\uffff]", " ", title).strip(" '") or "Sheet"
        name, number = plain[:_MAX_NAME].strip(" '"), 1
        while name.casefold() in self._names:
            number += 1
            end = f" ({number})"
            name = plain[: _MAX_NAME - len(end)].strip(" '") + end
        self._names.add(name.casefold())
        return name

    def open_sheet(self) -> IO[bytes]:
        """Start the next sheet with rows."""
        return self._zip.open_sheet(f"xl/worksheets/sheet{len(self.sheets) + 1}.xml")

    def close(self, facts: Iterable[Fact], charts: Iterable[tuple[str, str, Chart, bool]]) -> None:
        """Finish the file. `charts`: the name of each one's sheet, its title, itself, and whether rows are missing."""
        parts: dict[str, str | bytes] = {}
        names: list[str] = []
        pictures = 0
        for name, title, chart, truncated in charts:
            number = len(self.sheets) + len(names) + 1
            drawn = chart_parts(chart, title, number, pictures + 1, truncated=truncated)
            pictures += any(isinstance(part, bytes) for part in drawn.values())
            names.append(name)
            parts |= drawn
        names.append(ABOUT_NAME)
        about = f"xl/worksheets/sheet{len(self.sheets) + len(names)}.xml"
        parts = {about: about_sheet(self._document.title, list(facts)), **parts}
        parts |= package_parts(self.sheets, names, self._document, self.styles, pictures=pictures)
        for part_name, content in parts.items():
            with self._zip.open(part_name, "w") as part:
                part.write(content.encode() if isinstance(content, str) else content)
        self._zip.close()
