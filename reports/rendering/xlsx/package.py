"""The parts of an XLSX package besides its sheets: workbook, relationships, content types, properties."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC
from html import escape
from typing import NamedTuple

from reports.rendering.base import Document
from reports.rendering.xlsx.namespaces import DECLARATION, MAIN, PACKAGE, RELATIONSHIPS
from reports.rendering.xlsx.styles import StyleSheet

_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_ROOT_RELATIONSHIPS = (
    f'{DECLARATION}<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{RELATIONSHIPS}/officeDocument" Target="xl/workbook.xml"/>'
    f'<Relationship Id="rId2" Type="{PACKAGE}/relationships/metadata/core-properties" Target="docProps/core.xml"/>'
    "</Relationships>"
)


class Sheet(NamedTuple):
    """A sheet with rows. `filtered_rows` are those that its filter covers; `last_letters` names its last column."""

    name: str
    filtered_rows: int
    last_letters: str


def package_parts(
    sheets: Sequence[Sheet], other_sheets: Sequence[str], document: Document, styles: StyleSheet, *, pictures: int
) -> dict[str, str]:
    """The content of each part, by name. `other_sheets` are the names of those that follow the sheets with rows."""
    count = len(sheets) + len(other_sheets)
    return {
        "xl/workbook.xml": _workbook(sheets, other_sheets),
        "xl/_rels/workbook.xml.rels": _workbook_relationships(count),
        "xl/styles.xml": styles.xml(),
        "docProps/core.xml": _core_properties(document),
        "_rels/.rels": _ROOT_RELATIONSHIPS,
        "[Content_Types].xml": _content_types(count, pictures),
    }


def _workbook(sheets: Sequence[Sheet], other_sheets: Sequence[str]) -> str:
    names = [*(sheet.name for sheet in sheets), *other_sheets]
    entries = "".join(f'<sheet name="{escape(name)}" sheetId="{i}" r:id="rId{i}"/>' for i, name in enumerate(names, 1))
    quoted = [escape(name.replace("'", "''"), quote=False) for name in names]
    # The range of each filter, and the header as the first row of every printed page.
    defined_names = "".join(
        f'<definedName name="_xlnm._FilterDatabase" localSheetId="{i}" hidden="1">'
        f"'{quoted[i]}'!$A$1:${sheet.last_letters}${sheet.filtered_rows}</definedName>"
        f'<definedName name="_xlnm.Print_Titles" localSheetId="{i}">'
        f"'{quoted[i]}'!$1:$1</definedName>"
        for i, sheet in enumerate(sheets)
    )
    return (
        f'{DECLARATION}<workbook xmlns="{MAIN}" xmlns:r="{RELATIONSHIPS}"><bookViews><workbookView activeTab="0"/>'
        f"</bookViews><sheets>{entries}</sheets><definedNames>{defined_names}</definedNames></workbook>"
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


def _content_types(sheets: int, pictures: int) -> str:
    drawings = "".join(
        f'<Override PartName="/xl/drawings/drawing{i}.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.drawing+xml"/>'
        for i in range(1, pictures + 1)
    )
    picture_types = f'<Default Extension="png" ContentType="image/png"/>{drawings}' if pictures else ""
    worksheets = "".join(
        f'<Override PartName="/xl/worksheets/sheet{i}.xml" ContentType="{_TYPES}.worksheet+xml"/>'
        for i in range(1, sheets + 1)
    )
    return (
        f'{DECLARATION}<Types xmlns="{PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{picture_types}'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_TYPES}.styles+xml"/>'
        '<Override PartName="/docProps/core.xml" '
        'ContentType="application/vnd.openxmlformats-package.core-properties+xml"/>'
        f"{worksheets}</Types>"
    )
