"""The parts of an XLSX package besides its sheets: workbook, relationships, content types, properties."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC
from html import escape

from reports.rendering.base import Document
from reports.rendering.xlsx.about_sheet import ABOUT_NAME
from reports.rendering.xlsx.namespaces import DECLARATION, MAIN, PACKAGE, RELATIONSHIPS
from reports.rendering.xlsx.styles import StyleSheet

_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_ROOT_RELATIONSHIPS = (
    f'{DECLARATION}<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{RELATIONSHIPS}/officeDocument" Target="xl/workbook.xml"/>'
    f'<Relationship Id="rId2" Type="{PACKAGE}/relationships/metadata/core-properties" Target="docProps/core.xml"/>'
    "</Relationships>"
)
_PICTURE_TYPES = (
    '<Default Extension="png" ContentType="image/png"/><Override PartName="/xl/drawings/drawing1.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.drawing+xml"/>'
)


def package_parts(
    filtered_rows: Sequence[int], last_letters: str, document: Document, styles: StyleSheet, *, has_picture: bool
) -> dict[str, str]:
    """The content of each part, by name.

    `filtered_rows` are the rows of each data sheet that its filter covers. The data sheets are followed by that of the
    chart, if the document has one, and by the one about the report. `last_letters` names the last column.
    """
    other_sheets = ["Chart", ABOUT_NAME] if document.chart else [ABOUT_NAME]
    count = len(filtered_rows) + len(other_sheets)
    return {
        "xl/workbook.xml": _workbook(filtered_rows, other_sheets, last_letters),
        "xl/_rels/workbook.xml.rels": _workbook_relationships(count),
        "xl/styles.xml": styles.xml(),
        "docProps/core.xml": _core_properties(document),
        "_rels/.rels": _ROOT_RELATIONSHIPS,
        "[Content_Types].xml": _content_types(count, has_picture),
    }


def _workbook(filtered_rows: Sequence[int], other_sheets: Sequence[str], last_letters: str) -> str:
    names = ["Data", *(f"Data {number}" for number in range(2, len(filtered_rows) + 1)), *other_sheets]
    sheets = "".join(f'<sheet name="{name}" sheetId="{i}" r:id="rId{i}"/>' for i, name in enumerate(names, 1))
    # The range of each filter, and the header as the first row of every printed page.
    defined_names = "".join(
        f'<definedName name="_xlnm._FilterDatabase" localSheetId="{i}" hidden="1">'
        f"'{names[i]}'!$A$1:${last_letters}${rows}</definedName>"
        f'<definedName name="_xlnm.Print_Titles" localSheetId="{i}">'
        f"'{names[i]}'!$1:$1</definedName>"
        for i, rows in enumerate(filtered_rows)
    )
    return (
        f'{DECLARATION}<workbook xmlns="{MAIN}" xmlns:r="{RELATIONSHIPS}"><bookViews><workbookView activeTab="0"/>'
        f"</bookViews><sheets>{sheets}</sheets><definedNames>{defined_names}</definedNames></workbook>"
    )


def _workbook_relationships(sheets: int) -> str:
    worksheets = "".join(
        f'<Relationship Id="rId{i}" Type="{RELATIONSHIPS}/worksheet" Target="worksheets/sheet{i}.xml"/>'
        for i in range(1, sheets + 1)
    )
    styles = f'<Relationship Id="rId{sheets + 1}" Type="{RELATIONSHIPS}/styles" Target="styles.xml"/>'
    return f'{DECLARATION}<Relationships xmlns="{PACKAGE}/relationships">{worksheets}{styles}</Relationships>'


def _core_properties(document: Document) -> str:
    title = escape(re.sub("[\x00-\x1f\ufffe\uffff]", " ", document.title))
    created = f"{document.generated_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return (
        f'{DECLARATION}<cp:coreProperties xmlns:cp="{PACKAGE}/metadata/core-properties" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" '
        f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><dc:title>{title}</dc:title>'
        f'<dcterms:created xsi:type="dcterms:W3CDTF">{created}</dcterms:created></cp:coreProperties>'
    )


def _content_types(sheets: int, has_picture: bool) -> str:
    worksheets = "".join(
        f'<Override PartName="/xl/worksheets/sheet{i}.xml" ContentType="{_TYPES}.worksheet+xml"/>'
        for i in range(1, sheets + 1)
    )
    return (
        f'{DECLARATION}<Types xmlns="{PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{_PICTURE_TYPES if has_picture else ""}'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_TYPES}.styles+xml"/>'
        '<Override PartName="/docProps/core.xml" '
        'ContentType="application/vnd.openxmlformats-package.core-properties+xml"/>'
        f"{worksheets}</Types>"
    )
