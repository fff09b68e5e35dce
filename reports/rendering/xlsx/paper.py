"""How a sheet is printed: on A4, as wide as the paper, with a number on each page."""

from __future__ import annotations

import re
from html import escape
from math import ceil

#: Characters of the default font that fit on a page in portrait, at the size that sheets have on screens.
_PORTRAIT_CHARACTERS = 105.0
#: Characters on a page in landscape. With more, they would be too small to read, and the sheet takes several pages
#: side by side.
_MOST_CHARACTERS = 450.0
#: Excel allows 255 characters of a footer, page numbers included.
_MAX_TITLE = 120

#: The first element of a sheet that is scaled for printing.
FIT_TO_WIDTH = '<sheetPr><pageSetUpPr fitToPage="1"/></sheetPr>'


def page_setup(title: str, characters: float) -> str:
    """The elements that follow a sheet's rows, for columns of this total width."""
    orientation = "portrait" if characters <= _PORTRAIT_CHARACTERS else "landscape"
    pages = max(1, ceil(characters / _MOST_CHARACTERS))
    # In a footer, & starts a code.
    shown = re.sub("[\x00-\x1f\ufffe\uffff]", " ", title[:_MAX_TITLE]).replace("&", "&&")
    footer = escape(f"&L&8{shown}&R&8Page &P of &N", quote=False)
    return (
        '<pageMargins left="0.4" right="0.4" top="0.5" bottom="0.6" header="0.3" footer="0.3"/>'
        f'<pageSetup paperSize="9" orientation="{orientation}" fitToWidth="{pages}" fitToHeight="0"/>'
        f"<headerFooter><oddFooter>{footer}</oddFooter></headerFooter>"
    )
