"""Answers and headers that several calls share."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import status
from rest_framework.response import Response

from common.api.schema import header
from jobs.api.job_body import status_url
from jobs.api.serializers import AcceptedSerializer
from jobs.models import JobExecutionLog

JOB_ID = OpenApiParameter("job_id", OpenApiTypes.UUID, OpenApiParameter.PATH)
LOCATION = header("Location", "The status URL.", 202, type=OpenApiTypes.URI)
RETRY_AFTER = header("Retry-After", "Seconds to wait before the next poll.", 202, 409, type=OpenApiTypes.INT)
FILE_HEADERS = [
    header("Content-Disposition", "attachment, with the file's name.", 200, 206, 304),
    header("ETag", "The file's sha-256, quoted.", 200, 206, 304),
    header("Repr-Digest", "The file's sha-256 (RFC 9530).", 200, 206, 304),
    header("Accept-Ranges", "bytes", 200, 206, 304, 416),
]


def accepted(
    job: JobExecutionLog, headers: dict[str, str] | None = None, serializer: Any = AcceptedSerializer
) -> Response:
    headers = {"Location": status_url(job), "Retry-After": "1", **(headers or {})}
    return Response(serializer(job).data, status=status.HTTP_202_ACCEPTED, headers=headers)
