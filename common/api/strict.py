"""Bodies of calls, in which nothing is ignored."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class StrictSerializer(serializers.Serializer[Any]):
    """A body in which a field that does not exist is an error, not ignored."""

    def to_internal_value(self, data: Any) -> Any:
        values = super().to_internal_value(data)
        if unknown := set(data) - set(self.fields):
            raise serializers.ValidationError({str(name)[:100]: ["There is no such field."] for name in unknown})
        return values
