"""Pieces of the OpenAPI document that every app uses."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

_DESCRIPTIONS = {
    400: "The body or a parameter is not valid.",
    401: "The request has no valid token.",
    403: "The caller doesn't have the right to do this.",
    404: "Not found in the caller's tenant.",
    409: "The object's current state doesn't allow this.",
    410: "The job failed; it has no result.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    416: "The range contains no byte of the file.",
    422: "The Idempotency-Key was used with another body.",
    429: "Too many calls or too many unfinished jobs; see Retry-After.",
    500: "The server failed; see its log.",
    503: "The queue, the database or the storage of results is not responding; nothing was changed.",
}


class ErrorSerializer(serializers.Serializer[Any]):
    """The body of every error. Some codes add members, such as `fields` for invalid_parameters."""

    error = serializers.CharField(help_text="A sentence for people.")
    code = serializers.CharField(help_text="Stable, snake_case.")
    fields = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()), required=False, help_text="Messages by field."
    )


def errors(*statuses: int) -> dict[int, OpenApiResponse]:
    """The error responses of a call, for extend_schema(responses=…)."""
    return {status: OpenApiResponse(ErrorSerializer, description=_DESCRIPTIONS[status]) for status in statuses}


def header(name: str, description: str, *statuses: int, type: Any = OpenApiTypes.STR) -> OpenApiParameter:
    """A header of the responses with these statuses."""
    return OpenApiParameter(name, type, OpenApiParameter.HEADER, response=list(statuses), description=description)
