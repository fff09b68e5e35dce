"""Pieces of the OpenAPI document that calls of every app share."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

_MEANING = {
    400: "The body or a parameter is not valid.",
    401: "No valid token.",
    403: "The caller has no right to do this.",
    404: "No such thing in the caller's tenant.",
    409: "The state of the thing does not allow it.",
    410: "The job failed; there is no result.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    416: "No byte of the file is in the range.",
    422: "The Idempotency-Key was used with another body.",
    429: "Too many calls or too many unfinished jobs; see Retry-After.",
    500: "The server failed; its log has the details.",
    503: "The queue or the database does not answer; nothing was changed.",
}


class ErrorSerializer(serializers.Serializer[Any]):
    """The body of every error. Some codes have further members, as `fields` of invalid_parameters."""

    error = serializers.CharField(help_text="A sentence for people.")
    code = serializers.CharField(help_text="Stable, snake_case.")
    fields = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()), required=False, help_text="Sentences by field."
    )


def errors(*statuses: int) -> dict[int, OpenApiResponse]:
    """The error answers of a call, for extend_schema(responses=…)."""
    return {status: OpenApiResponse(ErrorSerializer, description=_MEANING[status]) for status in statuses}


def header(name: str, description: str, *statuses: int, type: Any = OpenApiTypes.STR) -> OpenApiParameter:
    """A header of the answers with these statuses."""
    return OpenApiParameter(name, type, OpenApiParameter.HEADER, response=list(statuses), description=description)
