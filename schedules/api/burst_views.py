"""API calls about bursts: who would receive what, and running again what failed."""

from __future__ import annotations

from typing import Any

from django.db.models import Value
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.schema import errors
from schedules.api.serializers import RecipientPreviewSerializer, RetriedSlotSerializer
from schedules.api.views import KEY, ScheduleView
from schedules.bursting import actions
from schedules.models import Slot
from schedules.permissions import slot_to_manage


class RecipientList(ScheduleView):
    """A dry run of a recipients' query."""

    @extend_schema(
        operation_id="schedule_recipients",
        parameters=[KEY],
        request=None,
        responses={200: RecipientPreviewSerializer, **errors(400, 401, 403, 404, 409, 429, 503)},
    )
    def post(self, request: Request, key: str) -> Response:
        """Return who would receive what at the schedule's next time. Runs only the recipients' and choices queries."""
        found = actions.preview(schedule=self.schedule(key), now=timezone.now())
        refused = sum(recipient.is_refused for recipient in found)
        answer = {"recipients": found, "total": len(found), "refused": refused}
        return Response(RecipientPreviewSerializer(answer).data)


class SlotRetry(ScheduleView):
    """Another run of what failed of a burst."""

    @extend_schema(
        operation_id="schedule_slot_retry",
        parameters=[KEY],
        request=None,
        responses={202: RetriedSlotSerializer, **errors(400, 401, 403, 404, 409, 429, 503)},
    )
    def post(self, request: Request, key: str, slot_id: int) -> Response:
        """Run again what failed of a slot with recipients, at most 100 of them: jobs, deliveries, and rows that were
        refused."""
        schedule = self.schedule(key)
        slot = slot_to_manage(schedule, slot_id)
        retried = actions.retry_failed(schedule=schedule, slot=slot, actor=self.user)
        complete: Any = Slot.objects.complete()
        row = complete.annotate(retried=Value(retried.number), left=Value(retried.left)).get(pk=slot.pk)
        return Response(RetriedSlotSerializer(row).data, status.HTTP_202_ACCEPTED)
