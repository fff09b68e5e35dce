"""Which font draws a character: the fonts that ship with the server first, then those installed on the machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import uharfbuzz as hb

FONTS = Path(__file__).parents[1] / "fonts"
_SCRIPTS = (
    "Thai", "Devanagari", "Bengali", "Tamil", "Telugu", "Gujarati", "Gurmukhi", "Kannada", "Malayalam", "Oriya",
    "Sinhala", "Khmer", "Lao", "Myanmar", "Ethiopic",
)  # fmt: skip
_SHIPPED = (*(f"NotoSans{script}-Regular" for script in _SCRIPTS), "DroidSansFallback", "NotoEmoji-Regular")
#: The folders that fontconfig searches.
_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts")
_SUFFIXES = {".ttf", ".otf", ".ttc"}
#: Styles to use only if no upright font of regular weight has the character.
_UNUSUAL_STYLES = (
    "bold", "italic", "oblique", "black", "light", "thin", "mono", "condensed", "serif", "narrow",
)  # fmt: skip
#: Bounds of the search for a character that no font may have, per process.
_MAX_FILES, _MAX_SECONDS = 2_000, 3.0
#: OS/2 fsType "Restricted License embedding" (OpenType specification, OS/2 table).
_RESTRICTED_LICENSE = 0x0002


class OpenFont:
    """A font file that may be embedded. Raises ValueError for bitmap fonts and fonts that forbid embedding.

    `code_points` are the characters it has glyphs for.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self.face = hb.Face(hb.Blob.from_file_path(str(path)))
        tags = set(self.face.table_tags)
        self.is_cff = "CFF " in tags
        has_outlines = self.is_cff or "glyf" in tags
        fs_type = int.from_bytes(self.table("OS/2")[8:10], "big") if "OS/2" in tags else 0
        if not has_outlines or fs_type & 0x000F == _RESTRICTED_LICENSE:
            raise ValueError(path)
        self.font = hb.Font(self.face)
        self.code_points = self.face.unicodes

    @property
    def thousandths_per_unit(self) -> float:
        """Thousandths of an em in one font unit."""
        return 1000 / float(self.face.upem)

    def table(self, tag: str) -> bytes:
        return bytes(self.face.reference_table(tag).data)


@cache
def main_font(*, bold: bool) -> OpenFont:
    return OpenFont(FONTS / f"DejaVuSans{'-Bold' if bold else ''}.ttf")


@cache
def font_for(character: str, *, bold: bool = False) -> OpenFont | None:
    """The first font that has the character, or None."""
    code_point = ord(character)
    if code_point in main_font(bold=bold).code_points:
        return main_font(bold=bold)
    return next((font for font in (*_shipped(), *_INSTALLED) if code_point in font.code_points), None)


@cache
def _shipped() -> tuple[OpenFont, ...]:
    return tuple(OpenFont(FONTS / f"{name}.ttf") for name in _SHIPPED)


class InstalledFonts:
    """The fonts in these folders, opened one by one as a search reaches them, and kept open.

    The search ends after `_MAX_SECONDS` in total, so that a character without a font can't hold up a report.
    """

    def __init__(self, folders: tuple[str, ...] = _FOLDERS) -> None:
        self._folders = folders
        self._opened: list[OpenFont] = []
        self._unopened: Iterator[Path] | None = None
        self._seconds = 0.0

    def __iter__(self) -> Iterator[OpenFont]:
        yield from self._opened
        while self._seconds < _MAX_SECONDS:
            started = time.monotonic()
            font = self._open_next()
            self._seconds += time.monotonic() - started
            if font is None:
                return
            yield font

    def _open_next(self) -> OpenFont | None:
        if self._unopened is None:
            self._unopened = iter(self._files())
        for path in self._unopened:
            try:
                font = OpenFont(path)
            except (OSError, ValueError, hb.HarfBuzzError):
                # One broken font of the machine must not fail every report.
                continue
            self._opened.append(font)
            return font
        return None

    def _files(self) -> list[Path]:
        """Font files: upright ones of regular weight first, then by name."""
        files = [
            path
            for folder in self._folders
            for path in Path(folder).expanduser().rglob("*")
            if path.suffix.lower() in _SUFFIXES
        ]
        return sorted(files[:_MAX_FILES], key=lambda path: (_unusual_styles(path), path.name, path))


def _unusual_styles(path: Path) -> int:
    name = path.stem.lower()
    return sum(style in name for style in _UNUSUAL_STYLES)


_INSTALLED = InstalledFonts()
