"""API calls about uploaded files, for Administrators."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.schema import errors
from reports.api.source_serializers import UploadedFilesSerializer, UploadSerializer
from reports.api.sources import KEY, SourceView
from reports.uploads import actions
from reports.uploads.models import UploadedFile

_TABLE = OpenApiParameter("table", str, OpenApiParameter.PATH, description="The name of the table.")


def _represent(files: list[UploadedFile]) -> dict[str, Any]:
    return dict(UploadedFilesSerializer({"files": files}).data)


class SourceFiles(SourceView):
    """The uploaded tables of a data source."""

    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="source_files",
        parameters=[KEY],
        responses={200: UploadedFilesSerializer, **errors(401, 403, 404, 409, 429)},
    )
    def get(self, request: Request, key: str) -> Response:
        """Return the current version of each table, by name."""
        return Response(_represent(self.find(key).tables()))

    @extend_schema(
        operation_id="source_upload",
        parameters=[KEY],
        request={"multipart/form-data": UploadSerializer},
        responses={
            201: UploadedFilesSerializer,
            **errors(400, 401, 403, 404, 409, 413, 415, 429, 503),
        },
    )
    def post(self, request: Request, key: str) -> Response:
        """Upload a CSV, Parquet or XLSX file. A table that exists gets a new version; each sheet is a table."""
        source = self.find(key)
        body = UploadSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        file, table = body.validated_data["file"], body.validated_data["table"]
        stored = actions.upload_file(
            source=source, filename=file.name, chunks=file.chunks(), table=table, actor=self.user
        )
        return Response(_represent(stored), status.HTTP_201_CREATED)


class SourceFile(SourceView):
    """One uploaded table."""

    @extend_schema(
        operation_id="source_file_delete",
        parameters=[KEY, _TABLE],
        responses={204: None, **errors(401, 403, 404, 409, 429)},
    )
    def delete(self, request: Request, key: str, table: str) -> Response:
        """Delete the table with its versions. Queries that read it fail."""
        actions.delete_table(source=self.find(key), table=table.replace("\0", " "), actor=self.user)
        return Response(status=status.HTTP_204_NO_CONTENT)
