"""The simple charts that the form can describe. Any other Vega-Lite specification is edited as YAML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field

from reports.definitions.errors import FieldErrors, join_path

_SPECIAL = re.compile(r"([.\[\]\\])")


class ChartFields(BaseModel):
    """What the form asks for. Everything but the mark, the columns and the type of x may be left out."""

    mark: Literal["bar", "line", "area", "point"] | None = None
    title: str | None = None
    x: str | None = Field(default=None, description="A column of the query.")
    x_type: Literal["temporal", "nominal", "ordinal", "quantitative"] = "nominal"
    x_title: str | None = None
    y: str | None = Field(default=None, description="A column of the query.")
    aggregate: Literal["sum", "mean", "min", "max", "count"] | None = None
    y_title: str | None = None
    color: str | None = Field(default=None, description="A column of the query.")


def spec_of(fields: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the specification; None if there is no chart."""
    if _is_empty(fields):
        return None
    x = _channel(fields.get("x"), fields.get("x_type"), fields.get("x_title"))
    y = _channel(fields.get("y"), "quantitative", fields.get("y_title"))
    if aggregate := fields.get("aggregate"):
        y["aggregate"] = aggregate
    spec: dict[str, Any] = {"mark": fields.get("mark"), "encoding": {"x": x, "y": y}}
    if color := fields.get("color"):
        spec["encoding"]["color"] = _channel(color, "nominal", None)
    return spec | ({"title": fields["title"]} if fields.get("title") else {})


def fields_of(spec: Any) -> dict[str, Any] | None:
    """Return the fields that describe exactly this specification, even an unfinished one; None if no fields can."""
    if not spec:
        return {}
    try:
        encoding = spec["encoding"]
        x, y, color = encoding["x"], encoding["y"], encoding.get("color", {})
        found = {
            "mark": spec.get("mark"),
            "title": spec.get("title"),
            "x": _column(x.get("field")),
            "x_type": x.get("type"),
            "x_title": x.get("title"),
            "y": _column(y.get("field")),
            "aggregate": y.get("aggregate"),
            "y_title": y.get("title"),
            "color": _column(color.get("field")),
        }
        fields = ChartFields.model_validate({key: value for key, value in found.items() if value is not None})
    except (KeyError, TypeError, AttributeError, ValueError):
        return None
    entry = fields.model_dump(exclude_none=True)
    return entry if spec_of(entry) == spec else None


def errors(fields: Mapping[str, Any], path: str) -> FieldErrors:
    """Return which fields are missing, by their path."""
    if _is_empty(fields):
        return {}
    missing = {}
    if not fields.get("mark"):
        missing["mark"] = "Choose the kind of chart, or clear the other fields."
    if not fields.get("x"):
        missing["x"] = "Enter a column of the query."
    if not fields.get("y") and fields.get("aggregate") != "count":
        missing["y"] = "Enter a column of the query."
    return {join_path(path, name): [sentence] for name, sentence in missing.items()}


def _is_empty(fields: Mapping[str, Any]) -> bool:
    return not any(value for name, value in fields.items() if name != "x_type")


def _channel(column: str | None, type: str | None, title: str | None) -> dict[str, Any]:
    channel = {"field": _SPECIAL.sub(r"\\\1", column) if column else None, "type": type, "title": title}
    return {key: value for key, value in channel.items() if value}


def _column(field: str | None) -> str | None:
    return re.sub(r"\\(.)", r"\1", field) if field else None
