"""Describes report definitions in the OpenAPI document, by the JSON Schema of the definitions file."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.plumbing import ResolvedComponent

from reports.definitions import ReportDefinition


class ReportDefinitionExtension(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """An entry of the file's `reports`. The tenant is optional: it is the caller's."""

    target_class = ReportDefinition
    # Precedes drf-spectacular's own extension for pydantic, which requires fields that have a default.
    priority = 1

    def get_name(self, auto_schema: Any, direction: Any) -> str:
        return "ReportDefinition"

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        schema = ReportDefinition.model_json_schema(ref_template="#/components/schemas/{model}")
        _remove_titles(schema)
        for name, part in schema.pop("$defs", {}).items():
            component = ResolvedComponent(name=name, type=ResolvedComponent.SCHEMA, object=name, schema=part)  # type: ignore[no-untyped-call]
            auto_schema.registry.register_on_missing(component)
        schema["required"] = [name for name in schema["required"] if name != "tenant"]
        return schema


def _remove_titles(part: Any) -> None:
    """Remove the titles that pydantic invents: two components with one title can't both be generated in a client."""
    for child in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        _remove_titles(child)
    if isinstance(part, dict) and isinstance(part.get("title"), str):
        del part["title"]
