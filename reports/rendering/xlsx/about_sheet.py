"""The sheet "About this report": title, parameters, and what the file doesn't show otherwise."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from reports.rendering.base import Document
from reports.rendering.xlsx.namespaces import DECLARATION, MAIN
from reports.rendering.xlsx.paper import FIT_TO_WIDTH, page_setup
from reports.rendering.xlsx.styles import Style

ABOUT_NAME = "About this report"
_MAX_CHARACTERS = 32_000
#: Of the two columns, in characters.
_LABEL_WIDTH, _VALUE_WIDTH = 24, 80
#: Excel's limit for the height of a row.
_MOST_POINTS = 405

Fact = tuple[str, str | int]


def about_facts(document: Document, rows: int, truncated: str | None, sheets: int, cut_texts: int) -> list[Fact]:
    """Label and value of each line, for this many rows on this many sheets."""
    facts: list[Fact] = []
    if document.description:
        facts.append(("Description", document.description))
    facts.append(("Version", document.version))
    facts += document.parameters.items()
    facts.append(("Generated", document.generated_text))
    facts.append(("Rows", rows))
    if truncated:
        facts.append(("Truncated", truncated))
    if sheets > 1:
        facts.append(("Sheets", f"The rows are on {sheets} sheets, because a sheet can have at most 1,048,576."))
    if cut_texts == 1:
        facts.append(("Cut texts", "1 text is longer than the 32,767 characters of a cell. A note at its end says so."))
    elif cut_texts:
        sentence = (
            f"{cut_texts:,} texts are longer than the 32,767 characters of a cell. A note at the end of each says so."
        )
        facts.append(("Cut texts", sentence))
    facts.append(("Times", "Times of columns with a time zone are in UTC."))
    facts.append(("Long numbers", "Numbers of more than 15 digits are text, because Excel would round them."))
    return facts


def totals_fact(description: str) -> Fact:
    return "Totals", f"{description}. They are values, not formulas: filtering and editing don't change them."


def about_sheet(title: str, facts: Sequence[Fact]) -> str:
    rows = [f'<row r="1">{_text_cell("A1", Style.TITLE, title)}</row>']
    for row, (label, value) in enumerate(facts, start=3):
        if isinstance(value, int):
            content = f'<c r="B{row}" s="{Style.PROSE}"><v>{value}</v></c>'
        else:
            content = _text_cell(f"B{row}", Style.PROSE, value)
        # LibreOffice doesn't find the height by itself.
        lines = max(len(label) // _LABEL_WIDTH, len(str(value)) // _VALUE_WIDTH + str(value).count("\n")) + 1
        height = f' ht="{min(15 * lines, _MOST_POINTS)}" customHeight="1"' if lines > 1 else ""
        rows.append(f'<row r="{row}"{height}>{_text_cell(f"A{row}", Style.LABEL, label)}{content}</row>')
    return (
        f'{DECLARATION}<worksheet xmlns="{MAIN}">{FIT_TO_WIDTH}<sheetViews><sheetView showGridLines="0" '
        f'workbookViewId="0"/></sheetViews><cols><col min="1" max="1" width="{_LABEL_WIDTH}" customWidth="1"/>'
        f'<col min="2" max="2" width="{_VALUE_WIDTH}" customWidth="1"/></cols><sheetData>{"".join(rows)}</sheetData>'
        f"{page_setup(title, _LABEL_WIDTH + _VALUE_WIDTH)}</worksheet>"
    )


def _text_cell(address: str, style: Style, value: str) -> str:
    # XML can't contain these characters.
    text = escape(re.sub("[\x00-\x08\x0b-\x1f\ufffe\uffff]", "\ufffd", value[:_MAX_CHARACTERS]))
    return f'<c r="{address}" s="{style}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'
