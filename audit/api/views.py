"""GET /audit."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework.generics import ListAPIView

from accounts.api.permissions import IsAdministrator
from audit.api.serializers import AuditEntrySerializer
from audit.filters import AuditFilter
from audit.models import AuditLog


class AuditList(ListAPIView[AuditLog]):
    """The audit entries of the caller's tenant, newest first."""

    permission_classes = [IsAdministrator]
    serializer_class = AuditEntrySerializer
    filterset_class = AuditFilter
    queryset = AuditLog.objects.order_by("-sequence")
    ordering = "-sequence"

    def get_queryset(self) -> QuerySet[AuditLog]:
        user: Any = self.request.user
        return AuditLog.objects.visible_to(user)
