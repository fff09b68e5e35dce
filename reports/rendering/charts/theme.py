"""How charts look where their specification does not say: like the pages and documents they are in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Also known to the HTML page's style sheet, which has other colours for these where the reader's screen is dark.
INK, SOFT, LINE, AXIS = "#1a1f2b", "#5c6577", "#d9dee7", "#a9b2c3"
#: Seen on white and on black alike.
_PALETTE = [
    "#3b78d8",
    "#e0823d",
    "#2f9e78",
    "#c7557c",
    "#8b6fd4",
    "#c59b1e",
    "#45a5c9",
    "#8c93a3",
    "#a8743f",
    "#6aa63c",
]
_WIDTH, _HEIGHT = 720, 280
_LABELS = {"labelColor": SOFT, "labelFontSize": 11.5, "titleColor": INK, "titleFontSize": 12, "titleFontWeight": 600}
_CONFIG: dict[str, Any] = {
    # Thousands of labels that nobody sees; the figure has one, and the table has the numbers.
    "aria": False,
    "padding": {"left": 0, "right": 8, "top": 4, "bottom": 4},
    "view": {"stroke": None},
    "axis": {
        **_LABELS,
        "gridColor": LINE,
        "domainColor": AXIS,
        "tickColor": AXIS,
        "titlePadding": 10,
        "labelPadding": 5,
    },
    "axisX": {"grid": False},
    "axisY": {"domain": False, "ticks": False},
    "legend": {**_LABELS, "symbolType": "circle", "titlePadding": 8},
    "header": _LABELS,
    "title": {"color": INK, "fontSize": 15, "fontWeight": 600, "anchor": "start", "offset": 14, "subtitleColor": SOFT},
    "range": {
        "category": _PALETTE,
        "ramp": ["#dbe7fb", "#3b78d8", "#173a75"],
        "heatmap": ["#dbe7fb", "#3b78d8", "#173a75"],
    },
    "mark": {"color": _PALETTE[0]},
    "bar": {"cornerRadiusEnd": 2},
    "line": {"strokeWidth": 2.5},
    "area": {"opacity": 0.85},
    "point": {"filled": True, "size": 45},
    "rule": {"color": SOFT},
    "text": {"color": INK, "fontSize": 11.5},
}


def themed(spec: Mapping[str, Any], *, font: str, background: str) -> dict[str, Any]:
    """The specification with this look under its own, and a size if it has none."""
    look = _CONFIG | {"font": font, "background": background}
    sized = dict(spec) | {"config": _merged(look, spec.get("config", {}))}
    if "mark" in spec or "layer" in spec:
        for name, pixels in (("width", _WIDTH), ("height", _HEIGHT)):
            if sized.get(name, "container") == "container":
                sized[name] = pixels
        if not isinstance(sized["width"], Mapping) and not isinstance(sized["height"], Mapping):
            # So that axes and legends take their room within the size that was asked for.
            sized.setdefault("autosize", {"type": "fit", "contains": "padding"})
    return sized


def expected_size(spec: Mapping[str, Any]) -> tuple[float, float]:
    """Width and height in pixels that the drawing will have, or the room to keep for it where rows decide."""
    themed_spec = themed(spec, font="", background="")
    width, height = themed_spec.get("width"), themed_spec.get("height")
    if isinstance(width, (int, float)) and isinstance(height, (int, float)) and "autosize" in themed_spec:
        return width, height
    return _WIDTH, 1.5 * _HEIGHT


def _merged(under: Mapping[str, Any], over: Any) -> Any:
    if not isinstance(over, Mapping):
        return over
    both = {
        key: _merged(value, over[key]) if isinstance(value, Mapping) and key in over else value
        for key, value in under.items()
    }
    return both | {key: value for key, value in over.items() if not isinstance(under.get(key), Mapping)}
