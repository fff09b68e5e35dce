"""The chart of a workbook: a picture on a separate sheet."""

from __future__ import annotations

from html import escape

from reports.rendering.charts.chart import Chart, ChartStyle, Drawing
from reports.rendering.xlsx.cells import inline_text
from reports.rendering.xlsx.namespaces import DECLARATION, MAIN, PACKAGE, RELATIONSHIPS
from reports.rendering.xlsx.paper import FIT_TO_WIDTH, page_setup
from reports.rendering.xlsx.styles import Style

_CHART_STYLE = ChartStyle("png", font="Liberation Sans", background="white")
#: English Metric Units, in which drawings are measured, per pixel.
_EMU_PER_PIXEL = 9_525
#: Of the only column, in characters.
_WIDTH = 110
_DRAWINGS = "http://schemas.openxmlformats.org/drawingml/2006"


def chart_parts(
    chart: Chart, title: str, sheet_number: int, picture_number: int, *, truncated: bool
) -> dict[str, str | bytes]:
    """The parts of the chart's sheet, by name; a picture is among them if it could be drawn. Raises DesignMismatch."""
    drawing = chart.draw(_CHART_STYLE, truncated=truncated)
    parts: dict[str, str | bytes] = {f"xl/worksheets/sheet{sheet_number}.xml": _sheet(drawing, title)}
    if drawing.content:
        picture, sheet = f"image{picture_number}.png", f"drawing{picture_number}.xml"
        sheet_relationships = _relationship("drawing", f"../drawings/{sheet}")
        parts[f"xl/worksheets/_rels/sheet{sheet_number}.xml.rels"] = sheet_relationships
        parts[f"xl/drawings/{sheet}"] = _drawing(drawing)
        parts[f"xl/drawings/_rels/{sheet}.rels"] = _relationship("image", f"../media/{picture}")
        parts[f"xl/media/{picture}"] = drawing.content
    return parts


def _sheet(drawing: Drawing, title: str) -> str:
    note = f'<row r="1"><c r="A1" s="{Style.PROSE}"{inline_text(drawing.note)}</c></row>' if drawing.note else ""
    picture = '<drawing r:id="rId1"/>' if drawing.content else ""
    return (
        f'{DECLARATION}<worksheet xmlns="{MAIN}" xmlns:r="{RELATIONSHIPS}">{FIT_TO_WIDTH}<sheetViews>'
        f'<sheetView showGridLines="0" workbookViewId="0"/></sheetViews><cols>'
        f'<col min="1" max="1" width="{_WIDTH}" customWidth="1"/></cols>'
        f"<sheetData>{note}</sheetData>{page_setup(title, _WIDTH)}{picture}</worksheet>"
    )


def _relationship(kind: str, target: str) -> str:
    relationship = f'<Relationship Id="rId1" Type="{RELATIONSHIPS}/{kind}" Target="{target}"/>'
    return f'{DECLARATION}<Relationships xmlns="{PACKAGE}/relationships">{relationship}</Relationships>'


def _drawing(drawing: Drawing) -> str:
    size = f'cx="{drawing.width * _EMU_PER_PIXEL:.0f}" cy="{drawing.height * _EMU_PER_PIXEL:.0f}"'
    label = escape(drawing.label)
    return (
        f'{DECLARATION}<xdr:wsDr xmlns:xdr="{_DRAWINGS}/spreadsheetDrawing" xmlns:a="{_DRAWINGS}/main" '
        f'xmlns:r="{RELATIONSHIPS}"><xdr:oneCellAnchor><xdr:from><xdr:col>0</xdr:col><xdr:colOff>95250</xdr:colOff>'
        f"<xdr:row>2</xdr:row><xdr:rowOff>0</xdr:rowOff></xdr:from><xdr:ext {size}/><xdr:pic><xdr:nvPicPr>"
        f'<xdr:cNvPr id="2" name="Chart" descr="{label}"/><xdr:cNvPicPr/></xdr:nvPicPr><xdr:blipFill>'
        f'<a:blip r:embed="rId1"/><a:stretch><a:fillRect/></a:stretch></xdr:blipFill><xdr:spPr><a:xfrm>'
        f'<a:off x="0" y="0"/><a:ext {size}/></a:xfrm><a:prstGeom prst="rect"><a:avLst/></a:prstGeom></xdr:spPr>'
        "</xdr:pic><xdr:clientData/></xdr:oneCellAnchor></xdr:wsDr>"
    )
