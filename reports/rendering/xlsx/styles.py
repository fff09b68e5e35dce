"""The style sheet of a workbook. Cells refer to its formats by index."""

from __future__ import annotations

import re
from enum import IntEnum, auto
from html import escape

import pyarrow as pa

from reports.rendering.column_kinds import NUMBERS, SPANS, TEMPORAL, ColumnKind
from reports.rendering.xlsx.namespaces import DECLARATION, MAIN

_MAX_SCALE = 15


class Style(IntEnum):
    """Indexes of the cell formats, in the order in which _stylesheet writes them."""

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


#: A total in the column of a style s has the style TOTAL + s: bold, with a line above.
TOTAL = Style.NUMBER + _MAX_SCALE + 1


def number_style(kind: ColumnKind, data_type: pa.DataType) -> int:
    """Integers and decimals show all their digits, and other numbers as many as Excel chooses."""
    if kind is ColumnKind.INTEGER:
        return Style.NUMBER
    if kind is ColumnKind.DECIMAL and 0 <= data_type.scale <= _MAX_SCALE:
        return Style.NUMBER + int(data_type.scale)
    return Style.GENERAL


def heading_style(kind: ColumnKind) -> Style:
    """A heading is aligned like the values of its column."""
    if kind in NUMBERS | TEMPORAL | SPANS:
        return Style.HEADING_RIGHT
    return Style.HEADING_CENTER if kind is ColumnKind.BOOLEAN else Style.HEADING


#: Rows with wrapped texts are several lines high.
_TOP = '<alignment vertical="top"/>'
_WRAPPED = '<alignment vertical="top" wrapText="1"/>'
_RIGHT, _CENTER = '<alignment horizontal="right" vertical="top"/>', '<alignment horizontal="center" vertical="top"/>'
#: The filter's button covers the right end of a heading.
_RIGHT_OF_BUTTON = '<alignment horizontal="right" indent="2"/>'
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


def _format(number_format: int, font: int = 0, fill: int = 0, border: int = 0, alignment: str = "") -> str:
    return (
        f'<xf numFmtId="{number_format}" fontId="{font}" fillId="{fill}" borderId="{border}" xfId="0" '
        f'applyNumberFormat="1" applyFont="1" applyFill="1" applyBorder="1" '
        f'applyAlignment="{int(bool(alignment))}">{alignment}</xf>'
    )


def _total_format(cell_format: str) -> str:
    looks = 'fontId="1" fillId="3" borderId="2"'
    return re.sub(r'fontId="[0-9]+" fillId="[0-9]+" borderId="[0-9]+"', looks, cell_format)


def _stylesheet() -> str:
    number_formats = "".join(
        f'<numFmt numFmtId="{number}" formatCode="{escape(code)}"/>' for number, code in _NUMBER_FORMATS.items()
    )
    # In the order of Style.
    cell_formats = [
        _format(_AUTOMATIC, alignment=_TOP),
        *(_format(_AS_TEXT, 1, 2, 1, alignment) for alignment in ("", _RIGHT_OF_BUTTON, _CENTER)),
        _format(_BOOLEAN, alignment=_CENTER),
        *(_format(number_format, alignment=_TOP) for number_format in (_DATE, *_CLOCKS)),
        *(_format(_AS_TEXT, alignment=alignment) for alignment in (_TOP, _WRAPPED, _RIGHT)),
        _format(_AUTOMATIC, 3, alignment=_WRAPPED),
        _format(_AUTOMATIC, alignment=_WRAPPED),
        _format(_AUTOMATIC, 2),
        _format(_INTEGER, alignment=_TOP),
        *(_format(_FRACTIONS + scale, alignment=_TOP) for scale in range(1, _MAX_SCALE + 1)),
    ]
    cell_formats += [_total_format(cell_format) for cell_format in cell_formats]
    font = '<name val="Calibri"/><family val="2"/>'
    return (
        f'{DECLARATION}<styleSheet xmlns="{MAIN}"><numFmts count="{len(_NUMBER_FORMATS)}">{number_formats}</numFmts>'
        f'<fonts count="4"><font><sz val="11"/>{font}</font><font><b/><sz val="11"/>{font}</font>'
        f'<font><b/><sz val="16"/>{font}</font><font><sz val="11"/><color rgb="FF5C6577"/>{font}</font></fonts>'
        '<fills count="4"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/>'
        '</fill><fill><patternFill patternType="solid"><fgColor rgb="FFECEFF5"/></patternFill></fill>'
        '<fill><patternFill patternType="solid"><fgColor rgb="FFEEF3FB"/></patternFill></fill></fills>'
        '<borders count="3"><border><left/><right/><top/><bottom/><diagonal/></border><border><left/><right/><top/>'
        '<bottom style="thin"><color rgb="FFB4BCCB"/></bottom><diagonal/></border><border><left/><right/>'
        '<top style="thin"><color rgb="FF9FB0CC"/></top><bottom/><diagonal/></border></borders>'
        '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
        f'<cellXfs count="{len(cell_formats)}">{"".join(cell_formats)}</cellXfs><cellStyles count="1">'
        '<cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
    )


STYLESHEET = _stylesheet()
