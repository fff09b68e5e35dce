"""The fixed parts of an XLSX package: styles, workbook, relations and the sheet about the report."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC
from html import escape

import pyarrow as pa

from reports.rendering.base import Document
from reports.rendering.kinds import NUMBERS, TEMPORAL, Kind

DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
ABOUT_NAME = "About this report"

#: Indexes into cellXfs of _STYLES. A number of scale n has style SCALES + n.
(
    GENERAL, HEAD, HEAD_RIGHT, HEAD_CENTER, BOOLEAN, DATE, TIMESTAMP, TIME, TEXT, TEXT_RIGHT, LABEL, PROSE, TITLE,
    SCALES,
) = range(14)  # fmt: skip
_MAX_SCALE = 15
#: A total of a style s has the style TOTALS + s: bold, with a rule above.
TOTALS = SCALES + _MAX_SCALE + 1


def style_of_number(kind: Kind, data_type: pa.DataType) -> int:
    """Integers and decimals show all their digits; other numbers as Excel likes."""
    if kind is Kind.INTEGER:
        return SCALES
    if kind is Kind.DECIMAL and 0 <= data_type.scale <= _MAX_SCALE:
        return SCALES + int(data_type.scale)
    return GENERAL


def style_of_head(kind: Kind) -> int:
    """Where the values of the column stand: numbers and moments on the right, booleans in the middle."""
    if kind in NUMBERS | TEMPORAL:
        return HEAD_RIGHT
    return HEAD_CENTER if kind is Kind.BOOLEAN else HEAD


def sheet_opening(widths: Sequence[float], outline: int = 0) -> str:
    """`outline`: how many levels of rows can be folded."""
    levels = f'<sheetFormatPr defaultRowHeight="15" outlineLevelRow="{outline}"/>' if outline else ""
    columns = "".join(
        f'<col min="{index}" max="{index}" width="{width:.1f}" customWidth="1"/>'
        for index, width in enumerate(widths, 1)
    )
    return (
        f'{DECLARATION}<worksheet xmlns="{MAIN}"><sheetViews><sheetView workbookViewId="0">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
        f'<selection pane="bottomLeft" activeCell="A2" sqref="A2"/></sheetView></sheetViews>{levels}'
        f"{f'<cols>{columns}</cols>' if columns else ''}<sheetData>\n"
    )


def sheet_ending(last_letter: str, rows: int) -> str:
    setup = '<pageSetup paperSize="9" orientation="landscape"/>'
    return f'</sheetData><autoFilter ref="A1:{last_letter}{rows}"/>{setup}</worksheet>'


def about_facts(
    document: Document, rows: int, truncated: str | None, sheets: int, cut: int
) -> list[tuple[str, str | int]]:
    """Label and value of each line of the sheet about the report."""
    facts: list[tuple[str, str | int]] = []
    if document.description:
        facts.append(("Description", document.description))
    facts.append(("Version", document.version))
    facts += document.parameters.items()
    facts.append(("Generated", f"{document.generated_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"))
    facts.append(("Rows", rows))
    if truncated:
        facts.append(("Truncated", truncated))
    if sheets > 1:
        facts.append(("Sheets", f"The rows are on {sheets} sheets, as one sheet holds 1,048,576."))
    if cut:
        facts.append(
            ("Cut texts", f"{cut:,} texts are longer than the 32,767 characters of a cell; each says so at its end.")
        )
    facts.append(("Times", "Times of columns with a time zone are in UTC."))
    facts.append(("Long numbers", "Numbers of more than 15 digits are text, as Excel would round them."))
    return facts


def totals_facts(described: str) -> list[tuple[str, str | int]]:
    """What the sheet about the report says of totals."""
    return [("Totals", f"{described}. They are values, not formulas: filters and changes of cells leave them.")]


def about_sheet(title: str, facts: Sequence[tuple[str, str | int]]) -> str:
    lines = [_line(index, label, value) for index, (label, value) in enumerate(facts, 3)]
    return (
        f'{DECLARATION}<worksheet xmlns="{MAIN}"><sheetViews><sheetView showGridLines="0" workbookViewId="0"/>'
        '</sheetViews><cols><col min="1" max="1" width="24" customWidth="1"/>'
        '<col min="2" max="2" width="80" customWidth="1"/></cols><sheetData>'
        f'<row r="1">{_text_cell("A1", TITLE, title)}</row>{"".join(lines)}</sheetData></worksheet>'
    )


def _line(row: int, label: str, value: str | int) -> str:
    if isinstance(value, int):
        content = f'<c r="B{row}" s="{PROSE}"><v>{value}</v></c>'
    else:
        content = _text_cell(f"B{row}", PROSE, value)
    return f'<row r="{row}">{_text_cell(f"A{row}", LABEL, label)}{content}</row>'


def _text_cell(address: str, style: int, value: str) -> str:
    shown = escape(re.sub("[\x00-\x08\x0b-\x1f\ufffe\uffff]", "\ufffd", value[:32_000]))
    return f'<c r="{address}" s="{style}" t="inlineStr"><is><t xml:space="preserve">{shown}</t></is></c>'


def package(sheets: Sequence[int], last_letter: str, document: Document, *, picture: bool) -> dict[str, str]:
    """Every part but the sheets. `sheets` has the rows of each sheet of data; behind them is that of the chart, if
    the document has one, and the one about the report. `picture`: whether the chart could be drawn."""
    more = ["Chart", ABOUT_NAME] if document.chart else [ABOUT_NAME]
    count = len(sheets) + len(more)
    return {
        "xl/workbook.xml": _workbook(sheets, more, last_letter),
        "xl/_rels/workbook.xml.rels": _workbook_relations(count),
        "xl/styles.xml": _STYLES,
        "docProps/core.xml": _core(document),
        "_rels/.rels": _ROOT_RELATIONS,
        "[Content_Types].xml": _content_types(count, picture),
    }


def _workbook(sheets: Sequence[int], more: Sequence[str], last_letter: str) -> str:
    names = ["Data", *(f"Data {number}" for number in range(2, len(sheets) + 1)), *more]
    entries = "".join(f'<sheet name="{name}" sheetId="{i}" r:id="rId{i}"/>' for i, name in enumerate(names, 1))
    # Which rows the filter has, and that every printed page begins with the header.
    defined = "".join(
        f'<definedName name="_xlnm._FilterDatabase" localSheetId="{i}" hidden="1">'
        f"'{names[i]}'!$A$1:${last_letter}${rows}</definedName>"
        f'<definedName name="_xlnm.Print_Titles" localSheetId="{i}">'
        f"'{names[i]}'!$1:$1</definedName>"
        for i, rows in enumerate(sheets)
    )
    return (
        f'{DECLARATION}<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><bookViews><workbookView activeTab="0"/>'
        f"</bookViews><sheets>{entries}</sheets><definedNames>{defined}</definedNames></workbook>"
    )


def _workbook_relations(count: int) -> str:
    sheets = "".join(
        f'<Relationship Id="rId{i}" Type="{RELATIONS}/worksheet" Target="worksheets/sheet{i}.xml"/>'
        for i in range(1, count + 1)
    )
    styles = f'<Relationship Id="rId{count + 1}" Type="{RELATIONS}/styles" Target="styles.xml"/>'
    return f'{DECLARATION}<Relationships xmlns="{PACKAGE}/relationships">{sheets}{styles}</Relationships>'


_PICTURE = (
    '<Default Extension="png" ContentType="image/png"/><Override PartName="/xl/drawings/drawing1.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.drawing+xml"/>'
)


def _content_types(count: int, picture: bool) -> str:
    sheets = "".join(
        f'<Override PartName="/xl/worksheets/sheet{i}.xml" ContentType="{TYPES}.worksheet+xml"/>'
        for i in range(1, count + 1)
    )
    return (
        f'{DECLARATION}<Types xmlns="{PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{_PICTURE if picture else ""}'
        f'<Override PartName="/xl/workbook.xml" ContentType="{TYPES}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{TYPES}.styles+xml"/>'
        '<Override PartName="/docProps/core.xml" '
        'ContentType="application/vnd.openxmlformats-package.core-properties+xml"/>'
        f"{sheets}</Types>"
    )


def _core(document: Document) -> str:
    title = escape(re.sub("[\x00-\x1f\ufffe\uffff]", " ", document.title))
    moment = f"{document.generated_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return (
        f'{DECLARATION}<cp:coreProperties xmlns:cp="{PACKAGE}/metadata/core-properties" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" '
        f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><dc:title>{title}</dc:title>'
        f'<dcterms:created xsi:type="dcterms:W3CDTF">{moment}</dcterms:created></cp:coreProperties>'
    )


_ROOT_RELATIONS = (
    f'{DECLARATION}<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/>'
    f'<Relationship Id="rId2" Type="{PACKAGE}/relationships/metadata/core-properties" Target="docProps/core.xml"/>'
    "</Relationships>"
)


_WRAPPED = '<alignment vertical="top" wrapText="1"/>'
_RIGHT, _CENTER = '<alignment horizontal="right"/>', '<alignment horizontal="center"/>'
#: The button of the filter covers the right end of its cell, and so of a header on the right.
_BESIDE_BUTTON = '<alignment horizontal="right" indent="2"/>'


def _style(number_format: int, font: int = 0, fill: int = 0, border: int = 0, alignment: str = "") -> str:
    return (
        f'<xf numFmtId="{number_format}" fontId="{font}" fillId="{fill}" borderId="{border}" xfId="0" '
        f'applyNumberFormat="1" applyFont="1" applyFill="1" applyBorder="1" '
        f'applyAlignment="{int(bool(alignment))}">{alignment}</xf>'
    )


def _total_style(style: str) -> str:
    return re.sub(r'fontId="[0-9]+" fillId="[0-9]+" borderId="[0-9]+"', 'fontId="1" fillId="3" borderId="2"', style)


def _styles() -> str:
    scales = [f'<numFmt numFmtId="{170 + scale}" formatCode="0.{"0" * scale}"/>' for scale in range(1, _MAX_SCALE + 1)]
    formats = (
        '<numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/>'
        '<numFmt numFmtId="165" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/>'
        '<numFmt numFmtId="166" formatCode="hh:mm:ss"/>' + "".join(scales)
    )
    heads = [_style(49, 1, 2, 1, alignment) for alignment in ("", _BESIDE_BUTTON, _CENTER)]
    xfs = [_style(0), *heads, _style(0, alignment=_CENTER), _style(164), _style(165), _style(166)]
    xfs += [_style(49), _style(49, alignment=_RIGHT)]
    xfs += [_style(0, 3, alignment=_WRAPPED), _style(0, alignment=_WRAPPED), _style(0, 2)]
    xfs += [_style(1), *(_style(170 + scale) for scale in range(1, _MAX_SCALE + 1))]
    xfs += [_total_style(xf) for xf in xfs]
    font = '<name val="Calibri"/><family val="2"/>'
    return (
        f'{DECLARATION}<styleSheet xmlns="{MAIN}"><numFmts count="{3 + _MAX_SCALE}">{formats}</numFmts>'
        f'<fonts count="4"><font><sz val="11"/>{font}</font><font><b/><sz val="11"/>{font}</font>'
        f'<font><b/><sz val="16"/>{font}</font><font><sz val="11"/><color rgb="FF5C6577"/>{font}</font></fonts>'
        '<fills count="4"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/>'
        '</fill><fill><patternFill patternType="solid"><fgColor rgb="FFECEFF5"/></patternFill></fill>'
        '<fill><patternFill patternType="solid"><fgColor rgb="FFEEF3FB"/></patternFill></fill></fills>'
        '<borders count="3"><border><left/><right/><top/><bottom/><diagonal/></border><border><left/><right/><top/>'
        '<bottom style="thin"><color rgb="FFB4BCCB"/></bottom><diagonal/></border><border><left/><right/>'
        '<top style="thin"><color rgb="FF9FB0CC"/></top><bottom/><diagonal/></border></borders>'
        '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
        f'<cellXfs count="{len(xfs)}">{"".join(xfs)}</cellXfs><cellStyles count="1">'
        '<cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
    )


_STYLES = _styles()
