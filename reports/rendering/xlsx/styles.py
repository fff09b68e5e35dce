"""The style sheet of a workbook. Cells refer to its formats by index."""

from __future__ import annotations

from enum import IntEnum, auto
from html import escape
from typing import NamedTuple

import pyarrow as pa

from reports.rendering.column_kinds import NUMBERS, SPANS, TEMPORAL, ColumnKind
from reports.rendering.xlsx.namespaces import DECLARATION, MAIN

_MAX_SCALE = 15


class Style(IntEnum):
    """Indexes of the cell formats, in the order of _base_formats."""

    GENERAL = 0
    HEADING = auto()
    HEADING_RIGHT = auto()
    HEADING_CENTER = auto()
    BOOLEAN = auto()
    DATE = auto()
    TIMESTAMP = auto()
    TIMESTAMP_FRACTION = auto()
    TIME = auto()
    TIME_FRACTION = auto()
    DURATION = auto()
    DURATION_FRACTION = auto()
    TEXT = auto()
    TEXT_WRAPPED = auto()
    TEXT_RIGHT = auto()
    LABEL = auto()
    PROSE = auto()
    TITLE = auto()
    #: A number with n fraction digits has the style NUMBER + n.
    NUMBER = auto()


_HEADINGS_BY_ALIGNMENT = {"left": Style.HEADING, "right": Style.HEADING_RIGHT, "center": Style.HEADING_CENTER}
#: A total in the column of a style s has the style TOTAL + s: bold, with a line above.
TOTAL = Style.NUMBER + _MAX_SCALE + 1


def number_style(kind: ColumnKind, data_type: pa.DataType) -> int:
    """Integers and decimals show all their digits, and other numbers as many as Excel chooses."""
    if kind is ColumnKind.INTEGER:
        return Style.NUMBER
    if kind is ColumnKind.DECIMAL and 0 <= data_type.scale <= _MAX_SCALE:
        return Style.NUMBER + int(data_type.scale)
    return Style.GENERAL


def heading_style(kind: ColumnKind, alignment: str | None) -> Style:
    """A heading is aligned like the values of its column: as the report says, or else by their kind."""
    if alignment:
        return _HEADINGS_BY_ALIGNMENT[alignment]
    if kind in NUMBERS | TEMPORAL | SPANS:
        return Style.HEADING_RIGHT
    return Style.HEADING_CENTER if kind is ColumnKind.BOOLEAN else Style.HEADING


class _Alignment(NamedTuple):
    horizontal: str = ""
    #: Rows with wrapped texts are several lines high.
    vertical: str = "top"
    wraps: bool = False
    indent: int = 0

    @property
    def xml(self) -> str:
        horizontal = f' horizontal="{self.horizontal}"' if self.horizontal else ""
        vertical = f' vertical="{self.vertical}"' if self.vertical else ""
        wraps, indent = ' wrapText="1"' if self.wraps else "", f' indent="{self.indent}"' if self.indent else ""
        return f"<alignment{horizontal}{vertical}{wraps}{indent}/>"


class _CellFormat(NamedTuple):
    """One of the combinations that cells refer to by index."""

    number_format: int
    font: int = 0
    fill: int = 0
    border: int = 0
    alignment: _Alignment = _Alignment(vertical="")

    @property
    def xml(self) -> str:
        has_alignment = self.alignment != _Alignment(vertical="")
        return (
            f'<xf numFmtId="{self.number_format}" fontId="{self.font}" fillId="{self.fill}" borderId="{self.border}" '
            f'xfId="0" applyNumberFormat="1" applyFont="1" applyFill="1" applyBorder="1" '
            f'applyAlignment="{int(has_alignment)}">{self.alignment.xml if has_alignment else ""}</xf>'
        )


_TOP, _WRAPPED = _Alignment(), _Alignment(wraps=True)
_RIGHT, _CENTER = _Alignment("right"), _Alignment("center")
#: The filter's button covers the right end of a heading.
_RIGHT_OF_BUTTON = _Alignment("right", vertical="", indent=2)
#: Number formats of Excel's own, and of ours from 164 on. A number with n fraction digits has the format 180 + n.
_AUTOMATIC, _INTEGER, _AS_TEXT = 0, 1, 49
_BOOLEAN, _DATE, _FRACTIONS = 164, 165, 180
_CLOCKS = range(166, 172)
_NUMBER_FORMATS = {
    # LibreOffice shows 1 and 0 where the format doesn't have the words.
    _BOOLEAN: '"TRUE";"TRUE";"FALSE"',
    _DATE: "yyyy\\-mm\\-dd",
    # In the order of Style. Excel allows no more than three digits.
    **dict(
        zip(
            _CLOCKS,
            (
                f"{clock}{fraction}"
                for clock in ("yyyy\\-mm\\-dd\\ hh:mm:ss", "hh:mm:ss", "[h]:mm:ss")
                for fraction in ("", ".000")
            ),
            strict=True,
        )
    ),
    **{_FRACTIONS + scale: f"0.{'0' * scale}" for scale in range(1, _MAX_SCALE + 1)},
}


#: Of columns, from here on.
_OWN_FORMATS = 200
#: Fonts and fills of highlights follow those of the other cells, in the order of highlights.STYLES.
_HIGHLIGHT_FONT, _HIGHLIGHT_FILL = 4, 4
_HIGHLIGHTS = (("FF7F1D1D", "FFFDE2E1"), ("FF6B4300", "FFFDF0C8"), ("FF14532D", "FFDCF3E1"))


def _base_formats() -> list[_CellFormat]:
    """In the order of Style, then the totals."""
    formats = [
        _CellFormat(_AUTOMATIC, alignment=_TOP),
        *(
            _CellFormat(_AS_TEXT, 1, 2, 1, alignment)
            for alignment in (_Alignment(vertical=""), _RIGHT_OF_BUTTON, _Alignment("center", vertical=""))
        ),
        _CellFormat(_BOOLEAN, alignment=_CENTER),
        *(_CellFormat(number_format, alignment=_TOP) for number_format in (_DATE, *_CLOCKS)),
        *(_CellFormat(_AS_TEXT, alignment=alignment) for alignment in (_TOP, _WRAPPED, _RIGHT)),
        _CellFormat(_AUTOMATIC, 3, alignment=_WRAPPED),
        _CellFormat(_AUTOMATIC, alignment=_WRAPPED),
        _CellFormat(_AUTOMATIC, 2),
        _CellFormat(_INTEGER, alignment=_TOP),
        *(_CellFormat(_FRACTIONS + scale, alignment=_TOP) for scale in range(1, _MAX_SCALE + 1)),
    ]
    return formats + [cell_format._replace(font=1, fill=3, border=2) for cell_format in formats]


class StyleSheet:
    """The formats of a workbook's cells: those of Style, and those that columns need."""

    def __init__(self) -> None:
        self._formats = _base_formats()
        self._indexes = {cell_format: index for index, cell_format in reversed(list(enumerate(self._formats)))}
        self._codes = dict(_NUMBER_FORMATS)

    def index(self, base: int, *, code: str = "", alignment: str = "", highlight: int | None = None) -> int:
        """The index of a style that differs from a base style (of Style, or TOTAL + such) in what is given."""
        if not code and not alignment and highlight is None:
            return base
        cell_format = self._formats[base]
        is_text = cell_format.number_format == _AS_TEXT
        if code and not is_text:
            cell_format = cell_format._replace(number_format=self._number_format(code))
        if alignment:
            changed = cell_format.alignment._replace(horizontal=alignment)
            cell_format = cell_format._replace(alignment=changed)
        if highlight is not None:
            cell_format = cell_format._replace(font=_HIGHLIGHT_FONT + highlight, fill=_HIGHLIGHT_FILL + highlight)
        index = self._indexes.setdefault(cell_format, len(self._formats))
        if index == len(self._formats):
            self._formats.append(cell_format)
        return index

    def _number_format(self, code: str) -> int:
        for number, known in self._codes.items():
            if known == code:
                return number
        number = max(_OWN_FORMATS, *self._codes) + 1
        self._codes[number] = code
        return number

    def xml(self) -> str:
        number_formats = "".join(
            f'<numFmt numFmtId="{number}" formatCode="{escape(code)}"/>' for number, code in self._codes.items()
        )
        fonts = [_font(), _font(bold=True), _font(16, bold=True), _font(color="FF5C6577")]
        fonts += [_font(color=ink, bold=True) for ink, _ in _HIGHLIGHTS]
        fills = [_fill("none"), _fill("gray125"), *(_fill("solid", color) for color in ("FFECEFF5", "FFEEF3FB"))]
        fills += [_fill("solid", color) for _, color in _HIGHLIGHTS]
        cell_formats = "".join(cell_format.xml for cell_format in self._formats)
        return (
            f'{DECLARATION}<styleSheet xmlns="{MAIN}"><numFmts count="{len(self._codes)}">{number_formats}</numFmts>'
            f'<fonts count="{len(fonts)}">{"".join(fonts)}</fonts><fills count="{len(fills)}">{"".join(fills)}</fills>'
            '<borders count="3"><border><left/><right/><top/><bottom/><diagonal/></border><border><left/><right/>'
            '<top/><bottom style="thin"><color rgb="FFB4BCCB"/></bottom><diagonal/></border><border><left/><right/>'
            '<top style="thin"><color rgb="FF9FB0CC"/></top><bottom/><diagonal/></border></borders>'
            '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
            f'<cellXfs count="{len(self._formats)}">{cell_formats}</cellXfs><cellStyles count="1">'
            '<cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
        )


def _font(size: int = 11, color: str = "", *, bold: bool = False) -> str:
    shown = f'<color rgb="{color}"/>' if color else ""
    return f'<font>{"<b/>" if bold else ""}<sz val="{size}"/>{shown}<name val="Calibri"/><family val="2"/></font>'


def _fill(pattern: str, color: str = "") -> str:
    shown = f'<fgColor rgb="{color}"/>' if color else ""
    return f'<fill><patternFill patternType="{pattern}">{shown}</patternFill></fill>'
