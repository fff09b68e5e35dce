"""The default look of charts, which matches the pages and documents around them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: The HTML page's style sheet replaces these colors on dark screens.
INK, SOFT, LINE, AXIS = "#1a1f2b", "#5c6577", "#d9dee7", "#a9b2c3"
#: These colors are readable on white and on black.
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
    # Vega would label every mark for screen readers. The figure has one label, and the table has the numbers.
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
    """The specification with these defaults under its own configuration, and a size if it has none."""
    defaults = _CONFIG | {"font": font, "background": background}
    sized = dict(spec) | {"config": _merged(defaults, spec.get("config", {}))}
    if "mark" in spec or "layer" in spec:
        for name, pixels in (("width", _WIDTH), ("height", _HEIGHT)):
            if sized.get(name, "container") == "container":
                sized[name] = pixels
        if not isinstance(sized["width"], Mapping) and not isinstance(sized["height"], Mapping):
            # Makes axes and legends fit into the given size.
            sized.setdefault("autosize", {"type": "fit", "contains": "padding"})
    return sized


def expected_size(spec: Mapping[str, Any]) -> tuple[float, float]:
    """Width and height of the drawing in pixels. If they depend on the rows, the space to reserve for it."""
    themed_spec = themed(spec, font="", background="")
    width, height = themed_spec.get("width"), themed_spec.get("height")
    if isinstance(width, (int, float)) and isinstance(height, (int, float)) and "autosize" in themed_spec:
        return width, height
    return _WIDTH, 1.5 * _HEIGHT


def _merged(defaults: Mapping[str, Any], values: Any) -> Any:
    """The values, with defaults for what is missing at any depth. Values other than mappings replace the defaults."""
    if not isinstance(values, Mapping):
        return values
    merged = dict(defaults)
    for key, value in values.items():
        default = defaults.get(key)
        merged[key] = _merged(default, value) if isinstance(default, Mapping) else value
    return merged
