"""API calls about schedules."""

from __future__ import annotations

from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework import status
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import GenericAPIView, ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import Tenant, User
from common.api.schema import errors, header
from common.ids import parse_uuid
from jobs.api.responses import LOCATION, RETRY_AFTER, accepted
from jobs.api.serializers import AcceptedSerializer
from reports.api.bodies import json_object, named_tenant, with_tenant
from reports.models import ReportConfiguration
from reports.permissions import may_generate
from schedules import actions, cron
from schedules.api.serializers import (
    BackfilledSerializer,
    BackfillSerializer,
    PreviewSerializer,
    ScheduleSerializer,
    SlotSerializer,
    TimesSerializer,
    schedule_url,
)
from schedules.definitions import ScheduleChanges, ScheduleDefinition, parse_schedule
from schedules.models import Schedule, Slot
from schedules.permissions import schedule_to_manage

KEY = OpenApiParameter("key", OpenApiTypes.STR, OpenApiParameter.PATH, description="The schedule's id or slug.")
_CREATED = header("Location", "The URL of the schedule.", 201, type=OpenApiTypes.URI)
_CHANGE_ERRORS = errors(400, 401, 403, 404, 409, 413, 415, 429, 503)


_RUN = PolymorphicProxySerializer(
    component_name="ScheduleRun", serializers=[AcceptedSerializer, SlotSerializer], resource_type_field_name=None
)


class ScheduleView(GenericAPIView[Schedule]):
    """A call about schedules."""

    serializer_class = ScheduleSerializer
    queryset = Schedule.objects.none()

    @property
    def user(self) -> User:
        return self.request.user  # type: ignore[return-value]

    def get_queryset(self) -> QuerySet[Schedule]:
        return Schedule.objects.visible_to(self.user).complete()

    def schedule(self, key: str) -> Schedule:
        """Return the schedule: 404 if it isn't in the caller's tenant, 403 if the caller can't manage it."""
        return schedule_to_manage(self.user, key)

    def represent(self, schedule: Schedule) -> dict[str, Any]:
        return dict(self.get_serializer(Schedule.objects.complete().get(pk=schedule.pk)).data)


class ScheduleList(ScheduleView, ListAPIView[Schedule]):
    """The caller's schedules; for Administrators, all of the tenant. By slug."""

    ordering = ("slug", "id")

    @extend_schema(responses={200: ScheduleSerializer(many=True), **errors(401, 429)})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)

    @extend_schema(
        request=ScheduleDefinition,
        responses={201: ScheduleSerializer, **errors(400, 401, 403, 404, 413, 415, 429, 503)},
        parameters=[_CREATED],
    )
    def post(self, request: Request) -> Response:
        """Create a schedule of a report that the caller may run. Superusers name its `tenant`; for others it is their
        own. The fields are those in docs/schedules.md."""
        definition, tenant = self._new_definition(request.data)
        schedule = actions.create_schedule(definition=definition, tenant=tenant, actor=self.user)
        headers = {"Location": schedule_url(schedule)}
        return Response(self.represent(schedule), status.HTTP_201_CREATED, headers=headers)

    def _new_definition(self, data: Any) -> tuple[ScheduleDefinition, Tenant]:
        body = with_tenant(data, self.user)
        if isinstance(name := body.get("report"), str):
            # 404 and 403 come before what is wrong with the rest.
            report = ReportConfiguration.objects.find(self.user, name)
            if not may_generate(self.user, report):
                raise PermissionDenied("You don't have the generate right on this report.")
            body["report"] = report.slug
        definition = parse_schedule(body)
        return definition, named_tenant(definition.tenant, self.user, to_administer=False)


class ScheduleDetail(ScheduleView):
    """One schedule."""

    @extend_schema(parameters=[KEY], responses={200: ScheduleSerializer, **errors(401, 403, 404, 429)})
    def get(self, request: Request, key: str) -> Response:
        """Return the schedule, with its next times."""
        return Response(self.represent(self.schedule(key)))

    @extend_schema(parameters=[KEY], request=ScheduleDefinition, responses={200: ScheduleSerializer, **_CHANGE_ERRORS})
    def put(self, request: Request, key: str) -> Response:
        """Replace the definition. Omitted fields are reset to their default, except the owner. A change creates a new
        version, and affects later times only."""
        schedule = self.schedule(key)
        body = {"tenant": schedule.tenant.slug} | _with_report_slug(schedule, json_object(request.data))
        definition = parse_schedule(body)
        changed = actions.update_schedule(schedule=schedule, definition=definition, actor=self.user)
        return Response(self.represent(changed))

    @extend_schema(parameters=[KEY], request=ScheduleChanges, responses={200: ScheduleSerializer, **_CHANGE_ERRORS})
    def patch(self, request: Request, key: str) -> Response:
        """Change some fields of the definition by a JSON merge patch (RFC 7396). null resets one to its default."""
        schedule = self.schedule(key)
        patch = _with_report_slug(schedule, json_object(request.data))
        changed = actions.patch_schedule(schedule=schedule, patch=patch, actor=self.user)
        return Response(self.represent(changed))

    @extend_schema(parameters=[KEY], responses={204: None, **errors(401, 403, 404, 409, 429)})
    def delete(self, request: Request, key: str) -> Response:
        """Delete the schedule and its slots. Its jobs stay."""
        actions.delete_schedule(schedule=self.schedule(key), actor=self.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


def slot_accepted(slot: Slot) -> Response:
    """Return the answer to a call that queued the jobs of a slot's recipients."""
    complete = Slot.objects.complete().get(pk=slot.pk)
    return Response(SlotSerializer(complete).data, status.HTTP_202_ACCEPTED)


def _with_report_slug(schedule: Schedule, body: dict[str, Any]) -> dict[str, Any]:
    """Replace the id of a report of the schedule's tenant by the slug."""
    name = body.get("report")
    uuid = parse_uuid(name) if isinstance(name, str) else None
    report = ReportConfiguration.objects.filter(tenant=schedule.tenant, pk=uuid).first() if uuid else None
    return body | {"report": report.slug} if report else body


class Preview(APIView):
    """A dry run of a cron expression."""

    @extend_schema(
        operation_id="schedule_preview",
        request=PreviewSerializer,
        responses={200: TimesSerializer, **errors(400, 401, 413, 415, 429)},
    )
    def post(self, request: Request) -> Response:
        """Return the next times of a cron expression in a time zone."""
        body = PreviewSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        fields, zone = body.validated_data, ZoneInfo(body.validated_data["time_zone"])
        times = cron.times(fields["cron"], zone, after=fields["from"] or timezone.now())
        shown = [time.astimezone(zone).isoformat() for time in islice(times, fields["count"])]
        sentence = cron.warning(fields["cron"])
        return Response({"times": shown, "warnings": [sentence] if sentence else []})


class RunNow(ScheduleView):
    """A run of a schedule beside its times."""

    @extend_schema(
        operation_id="schedule_run",
        parameters=[KEY, LOCATION, RETRY_AFTER],
        request=None,
        responses={202: _RUN, **errors(400, 401, 403, 404, 409, 429, 503)},
    )
    def post(self, request: Request, key: str) -> Response:
        """Run the schedule now, as its owner. Its other times don't change. With recipients, the answer is the slot."""
        slot = actions.run_now(schedule=self.schedule(key), actor=self.user)
        if slot.job is None or slot.recipients.exists():
            return slot_accepted(slot)
        slot.job.refresh_from_db()
        return accepted(slot.job)


class Pause(ScheduleView):
    """A pause of a schedule."""

    @extend_schema(
        operation_id="schedule_pause",
        parameters=[KEY],
        request=None,
        responses={200: ScheduleSerializer, **errors(401, 403, 404, 409, 429)},
    )
    def post(self, request: Request, key: str) -> Response:
        """Let the schedule rest until it is resumed. Jobs that exist go on."""
        return Response(self.represent(actions.pause(schedule=self.schedule(key), actor=self.user)))


class Resume(ScheduleView):
    """The end of a pause."""

    @extend_schema(
        operation_id="schedule_resume",
        parameters=[KEY],
        request=None,
        responses={200: ScheduleSerializer, **errors(401, 403, 404, 409, 429)},
    )
    def post(self, request: Request, key: str) -> Response:
        """Let the schedule run again from now on. Times of the pause aren't made up for."""
        return Response(self.represent(actions.resume(schedule=self.schedule(key), actor=self.user)))


class TakeOver(ScheduleView):
    """A new owner of a schedule whose owner is gone."""

    @extend_schema(
        operation_id="schedule_take_over",
        parameters=[KEY],
        request=None,
        responses={200: ScheduleSerializer, **errors(400, 401, 403, 404, 409, 429)},
    )
    def post(self, request: Request, key: str) -> Response:
        """Become the owner of a schedule whose owner was deactivated or deleted. It runs again if it was paused for
        that. For Administrators."""
        schedule = self.schedule(key)
        return Response(self.represent(actions.take_over(schedule=schedule, owner=self.user, actor=self.user)))


class Backfill(ScheduleView):
    """Runs for times that have passed."""

    @extend_schema(
        operation_id="schedule_backfill",
        parameters=[KEY],
        request=BackfillSerializer,
        responses={202: BackfilledSerializer, **_CHANGE_ERRORS},
    )
    def post(self, request: Request, key: str) -> Response:
        """Run the schedule for its times in a range that have passed and have no job; at most 100."""
        schedule = self.schedule(key)
        # What is wrong with the schedule comes before what is wrong with the body.
        actions.check_can_run(schedule)
        body = BackfillSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        first, last = body.validated_data["from"], body.validated_data["to"]
        created = actions.backfill(schedule=schedule, first=first, last=last, actor=self.user)
        again: Any = Slot.objects.complete().filter(pk__in=[slot.pk for slot in created])
        slots = SlotSerializer(again.order_by("time"), many=True).data
        return Response({"slots": slots}, status.HTTP_202_ACCEPTED)


class SlotList(ScheduleView, ListAPIView[Schedule]):
    """The slots of a schedule, the newest first."""

    serializer_class = SlotSerializer  # type: ignore[assignment]
    ordering = ("-time", "id")

    def get_queryset(self) -> Any:
        schedule = self.schedule(self.kwargs["key"]) if "key" in self.kwargs else None
        return Slot.objects.filter(schedule=schedule).complete()

    @extend_schema(
        operation_id="schedule_slots",
        parameters=[KEY],
        responses={200: SlotSerializer(many=True), **errors(400, 401, 403, 404, 429)},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)
