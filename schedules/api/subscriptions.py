"""API calls about subscriptions to schedules."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.api.schema import errors
from schedules.api.serializers import OffersSerializer, SubscribedSerializer
from schedules.models import Schedule
from schedules.subscribing import actions

_KEY = OpenApiParameter("key", str, OpenApiParameter.PATH, description="The schedule's id or slug.")


class SubscriptionList(APIView):
    """The schedules to which the caller can subscribe."""

    @extend_schema(operation_id="subscriptions", responses={200: OffersSerializer, **errors(401, 429)})
    def get(self, request: Request) -> Response:
        """Return the schedules whose owners allow it, of reports that the caller may view."""
        user: Any = request.user
        return Response(OffersSerializer({"results": actions.offers(user)}).data)


class ScheduleSubscription(APIView):
    """The caller's subscription to one schedule."""

    @extend_schema(
        operation_id="schedule_subscribe",
        parameters=[_KEY],
        request=None,
        responses={200: SubscribedSerializer, **errors(401, 403, 404, 409, 429)},
    )
    def put(self, request: Request, key: str) -> Response:
        """Get the schedule's results by e-mail. Needs the view right on its report, and an address."""
        user: Any = request.user
        actions.subscribe(schedule=Schedule.objects.find(user, key), actor=user)
        return Response({"subscribed": True, "address": user.email})

    @extend_schema(
        operation_id="schedule_unsubscribe",
        parameters=[_KEY],
        responses={204: None, **errors(401, 404, 409, 429)},
    )
    def delete(self, request: Request, key: str) -> Response:
        """Get no more results of the schedule."""
        user: Any = request.user
        actions.unsubscribe(schedule=Schedule.objects.find(user, key), actor=user)
        return Response(status=status.HTTP_204_NO_CONTENT)
