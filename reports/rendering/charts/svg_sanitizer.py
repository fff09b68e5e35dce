"""Reduce an SVG drawing to shapes and text. Whatever drew it, nothing in it can run, link or load."""

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
_TRANSFORMS = ("transform", "gradientTransform")
_LOCAL_REFERENCE = re.compile(r"url\(#[A-Za-z0-9_-]+\)")
_COLOR = re.compile(r"(rgba?|hsla?)\([0-9., %/-]*\)")


def sanitized(svg: str, displayable: Callable[[str], str] = str) -> tuple[str, float, float]:
    """The drawing with only those parts that are known to be harmless, and its width and height in pixels.

    `displayable` is applied to every text.
    """
    # Vega writes no document type, so there are no entities that could expand. It escapes the values of rows.
    root = _copy(fromstring(svg), displayable)  # noqa: S314
    root.set("xmlns", _NAMESPACE)
    return tostring(root, encoding="unicode"), float(root.get("width", "0")), float(root.get("height", "0"))


def _copy(element: Element, displayable: Callable[[str], str]) -> Element:
    attributes = {name: value for name, value in element.items() if _is_harmless(name, value)}
    copy = Element(_local_name(element), attributes)
    if copy.tag in ("text", "tspan"):
        copy.text = displayable(element.text or "")
    copy.extend(_copy(child, displayable) for child in element if _local_name(child) in _ELEMENTS)
    return copy


def _local_name(element: Element) -> str:
    """The name of an SVG element. Names of other namespaces keep theirs, and so are not in _ELEMENTS."""
    return element.tag.removeprefix(f"{{{_NAMESPACE}}}")


def _is_harmless(name: str, value: str) -> bool:
    if name not in _ATTRIBUTES:
        return False
    # A value with parentheses may only be a reference within the drawing, a transform or a color.
    return "(" not in _LOCAL_REFERENCE.sub("", value) or name in _TRANSFORMS or _COLOR.fullmatch(value) is not None
