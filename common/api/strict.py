"""Base class of the serializers of request bodies."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class StrictSerializer(serializers.Serializer[Any]):
    """Rejects unknown fields; DRF would ignore them, and a misspelled option would have no effect."""

    def to_internal_value(self, data: Any) -> Any:
        values = super().to_internal_value(data)
        if unknown := set(data) - set(self.fields):
            raise serializers.ValidationError({str(name)[:100]: ["Unknown field."] for name in unknown})
        return values
