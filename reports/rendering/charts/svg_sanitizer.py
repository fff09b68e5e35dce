"""A drawing in SVG reduced to shapes and text: whatever drew it, nothing in it runs, links or loads."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree.ElementTree import Element, fromstring, tostring

_NAMESPACE = "http://www.w3.org/2000/svg"
_ELEMENTS = frozenset(
    {"svg", "g", "defs", "clipPath", "linearGradient", "radialGradient", "stop"}
    | {"path", "line", "rect", "circle", "ellipse", "polygon", "polyline", "text", "tspan"}
)
_ATTRIBUTES = frozenset(
    {"d", "id", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "rx", "ry", "fx", "fy", "fr", "dx", "dy", "points"}
    | {"width", "height", "viewBox", "transform", "opacity", "display", "clip-path", "clip-rule", "offset"}
    | {"fill", "fill-opacity", "fill-rule", "stroke", "stroke-opacity", "stroke-width", "stroke-dasharray"}
    | {"stroke-dashoffset", "stroke-linecap", "stroke-linejoin", "stroke-miterlimit", "stop-color", "stop-opacity"}
    | {"gradientUnits", "gradientTransform", "spreadMethod", "text-anchor", "dominant-baseline"}
    | {"font-family", "font-size", "font-style", "font-variant", "font-weight"}
)
_WITH_FUNCTIONS = ("transform", "gradientTransform")
#: References within the drawing are the only ones.
_LOCAL = re.compile(r"url\(#[A-Za-z0-9_-]+\)")
_COLOUR = re.compile(r"(rgba?|hsla?)\([0-9., %/-]*\)")


def sanitized(svg: str, shown: Callable[[str], str] = str) -> tuple[str, float, float]:
    """The drawing with what is known to be harmless, its width and its height in pixels.

    `shown` gets every text, and returns what is to be drawn of it.
    """
    # Vega writes no declarations, and escapes what is in the rows: there are no entities that could expand.
    root = _kept(fromstring(svg), shown)  # noqa: S314
    root.set("xmlns", _NAMESPACE)
    return tostring(root, encoding="unicode"), float(root.get("width", "0")), float(root.get("height", "0"))


def _kept(element: Element, shown: Callable[[str], str]) -> Element:
    kept = Element(_local(element.tag), {name: value for name, value in element.items() if _is_harmless(name, value)})
    if kept.tag in ("text", "tspan"):
        kept.text = shown(element.text or "")
    kept.extend(_kept(child, shown) for child in element if _local(child.tag) in _ELEMENTS)
    return kept


def _local(tag: str) -> str:
    """The name of an SVG element; of another namespace's, one that is not kept."""
    return tag.removeprefix(f"{{{_NAMESPACE}}}")


def _is_harmless(name: str, value: str) -> bool:
    if name not in _ATTRIBUTES:
        return False
    return "(" not in _LOCAL.sub("", value) or name in _WITH_FUNCTIONS or _COLOUR.fullmatch(value) is not None
