"""The chart in a workbook: a picture on a sheet of its own."""

from __future__ import annotations

from html import escape

from reports.rendering.charts.chart import Chart, ChartStyle, Drawing
from reports.rendering.xlsx.cells import inline_text
from reports.rendering.xlsx.parts import DECLARATION, MAIN, PACKAGE, PROSE, RELATIONS

_LOOK = ChartStyle("png", font="Liberation Sans", background="white")
#: Units of the drawing markup in a pixel.
_EMU = 9_525
PICTURE = "xl/media/image1.png"
_DRAWINGS = "http://schemas.openxmlformats.org/drawingml/2006"


def chart_parts(chart: Chart, sheet: int, *, truncated: bool) -> dict[str, str | bytes]:
    """The parts of the sheet of that number. Raises DesignMismatch."""
    drawing = chart.draw(_LOOK, truncated=truncated)
    parts: dict[str, str | bytes] = {f"xl/worksheets/sheet{sheet}.xml": _sheet(drawing)}
    if drawing.content:
        parts[f"xl/worksheets/_rels/sheet{sheet}.xml.rels"] = _relation("drawing", "../drawings/drawing1.xml")
        parts["xl/drawings/drawing1.xml"] = _picture(drawing)
        parts["xl/drawings/_rels/drawing1.xml.rels"] = _relation("image", "../media/image1.png")
        parts[PICTURE] = drawing.content
    return parts


def _sheet(drawing: Drawing) -> str:
    note = f'<row r="1"><c r="A1" s="{PROSE}"{inline_text(drawing.note)}</c></row>' if drawing.note else ""
    picture = '<drawing r:id="rId1"/>' if drawing.content else ""
    return (
        f'{DECLARATION}<worksheet xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheetViews><sheetView showGridLines="0" '
        f'workbookViewId="0"/></sheetViews><cols><col min="1" max="1" width="110" customWidth="1"/></cols>'
        f'<sheetData>{note}</sheetData><pageSetup paperSize="9" orientation="landscape"/>{picture}</worksheet>'
    )


def _relation(kind: str, target: str) -> str:
    relation = f'<Relationship Id="rId1" Type="{RELATIONS}/{kind}" Target="{target}"/>'
    return f'{DECLARATION}<Relationships xmlns="{PACKAGE}/relationships">{relation}</Relationships>'


def _picture(drawing: Drawing) -> str:
    size = f'cx="{drawing.width * _EMU:.0f}" cy="{drawing.height * _EMU:.0f}"'
    label = escape(drawing.label)
    return (
        f'{DECLARATION}<xdr:wsDr xmlns:xdr="{_DRAWINGS}/spreadsheetDrawing" xmlns:a="{_DRAWINGS}/main" '
        f'xmlns:r="{RELATIONS}"><xdr:oneCellAnchor><xdr:from><xdr:col>0</xdr:col><xdr:colOff>95250</xdr:colOff>'
        f"<xdr:row>2</xdr:row><xdr:rowOff>0</xdr:rowOff></xdr:from><xdr:ext {size}/><xdr:pic><xdr:nvPicPr>"
        f'<xdr:cNvPr id="2" name="Chart" descr="{label}"/><xdr:cNvPicPr/></xdr:nvPicPr><xdr:blipFill>'
        f'<a:blip r:embed="rId1"/><a:stretch><a:fillRect/></a:stretch></xdr:blipFill><xdr:spPr><a:xfrm>'
        f'<a:off x="0" y="0"/><a:ext {size}/></a:xfrm><a:prstGeom prst="rect"><a:avLst/></a:prstGeom></xdr:spPr>'
        "</xdr:pic><xdr:clientData/></xdr:oneCellAnchor></xdr:wsDr>"
    )
