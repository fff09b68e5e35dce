"""GET /audit."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.permissions import IsAdministrator
from audit.api.serializers import AuditEntrySerializer
from audit.filters import AuditFilter
from audit.models import AuditLog
from common.api.schema import errors, header


class AuditList(ListAPIView[AuditLog]):
    """The audit entries of the caller's tenant, newest first."""

    permission_classes = [IsAdministrator]
    serializer_class = AuditEntrySerializer
    filterset_class = AuditFilter
    queryset = AuditLog.objects.order_by("-sequence")
    ordering = "-sequence"

    @extend_schema(
        parameters=[header("Link", "URLs of the next and previous page (RFC 8288).", 200)],
        responses={200: AuditEntrySerializer(many=True), **errors(400, 401, 403, 404, 429)},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[AuditLog]:
        user: Any = self.request.user
        return AuditLog.objects.visible_to(user)
