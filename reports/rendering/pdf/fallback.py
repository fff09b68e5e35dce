"""Which font draws a character: those that ship first, then those that are installed on the machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import uharfbuzz as hb

#: The fonts that ship.
FONTS = Path(__file__).parents[1] / "fonts"
_SHIPPED = (
    "NotoSansThai-Regular", "NotoSansDevanagari-Regular", "NotoSansBengali-Regular", "NotoSansTamil-Regular",
    "DroidSansFallback",
)  # fmt: skip
#: Where fontconfig looks.
_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts")
_SUFFIXES = {".ttf", ".otf", ".ttc"}
#: Styles that are taken only when no upright one of usual weight has the character.
_ODD_STYLES = ("bold", "italic", "oblique", "black", "light", "thin", "mono", "condensed", "serif", "narrow")
#: How much is looked through for a character that no font may have: once in a process.
_MOST_FILES, _MOST_SECONDS = 2_000, 3.0
#: OS/2 fsType: the maker does not allow embedding.
_RESTRICTED = 0x0002


class OpenFont:
    """A font file with outlines that may be embedded. Raises ValueError for another one. `known`: its code points."""

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self.face = hb.Face(hb.Blob.from_file_path(str(path)))
        tags = set(self.face.table_tags)
        self.is_cff = "CFF " in tags
        if not (self.is_cff or "glyf" in tags) or self._restricted(tags):
            raise ValueError(path)
        self.font = hb.Font(self.face)
        self.known = self.face.unicodes

    @property
    def per_mille(self) -> float:
        """What one unit of the font is in thousandths of an em."""
        return 1000 / float(self.face.upem)

    def table(self, tag: str) -> bytes:
        return bytes(self.face.reference_table(tag).data)

    def _restricted(self, tags: set[str]) -> bool:
        return "OS/2" in tags and int.from_bytes(self.table("OS/2")[8:10], "big") & 0x000F == _RESTRICTED


@cache
def main_font(*, bold: bool) -> OpenFont:
    return OpenFont(FONTS / f"DejaVuSans{'-Bold' if bold else ''}.ttf")


@cache
def font_of(character: str, *, bold: bool = False) -> OpenFont | None:
    """The first font that has the character; None when none has it."""
    code = ord(character)
    if code in main_font(bold=bold).known:
        return main_font(bold=bold)
    return next((font for font in (*_shipped(), *_INSTALLED) if code in font.known), None)


@cache
def _shipped() -> tuple[OpenFont, ...]:
    return tuple(OpenFont(FONTS / f"{name}.ttf") for name in _SHIPPED)


class _Installed:
    """The installed fonts, each opened when it is first come to, and remembered."""

    def __init__(self) -> None:
        self._opened: list[OpenFont] = []
        self._files: Iterator[Path] | None = None
        self._seconds = 0.0

    def __iter__(self) -> Iterator[OpenFont]:
        yield from self._opened
        while self._seconds < _MOST_SECONDS:
            started = time.monotonic()
            font = self._next()
            self._seconds += time.monotonic() - started
            if font is None:
                return
            yield font

    def _next(self) -> OpenFont | None:
        if self._files is None:
            self._files = iter(_files())
        for path in self._files:
            try:
                font = OpenFont(path)
            except (OSError, ValueError, hb.HarfBuzzError):
                continue
            self._opened.append(font)
            return font
        return None


_INSTALLED = _Installed()


def _files() -> list[Path]:
    """Font files, upright ones of usual weight first, then by name."""
    found = [path for folder in _FOLDERS for path in _below(Path(folder).expanduser())]
    return sorted(found[:_MOST_FILES], key=lambda path: (_oddity(path), path.name, path))


def _below(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)


def _oddity(path: Path) -> int:
    name = path.stem.lower()
    return sum(style in name for style in _ODD_STYLES)
