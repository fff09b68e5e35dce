"""Schedules and slots as the API represents them."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.localization import NO_SUCH_ZONE, is_time_zone
from common.api.strict import StrictSerializer
from schedules import cron
from schedules.bursting.models import Outcome
from schedules.bursting.rows import Recipient
from schedules.models import Schedule, Slot, SlotRecipient
from schedules.subscribing.actions import Offer

#: The next times that a schedule's representation shows.
_NEXT_TIMES = 5


def schedule_url(schedule: Schedule) -> str:
    """Return the absolute URL. It has the id: slugs change, and are unique in a tenant only."""
    return f"{settings.PUBLIC_URL}/api/v1/schedules/{schedule.pk}"


class ScheduleReportSerializer(serializers.Serializer[Any]):
    """The report of a schedule."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField(source="version.name")


class ScheduleSerializer(serializers.Serializer[Schedule]):
    """A schedule from `ScheduleQuerySet.complete()`."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    version = serializers.IntegerField(source="version.number", help_text="Increases with every change.")
    report = ScheduleReportSerializer(allow_null=True, help_text="null if the report was deleted.")
    owner = serializers.CharField(
        source="owner.username", default=None, allow_null=True, help_text="Whose rights its jobs have; null if deleted."
    )
    timeZone = serializers.SerializerMethodField(
        help_text="In which its times are: its own, the report's or the tenant's."
    )
    paused = serializers.BooleanField()
    pausedReason = serializers.CharField(source="paused_reason", help_text="Why the server paused it, or empty.")
    nextTimes = serializers.SerializerMethodField(help_text="At most five, in its time zone; none while it is paused.")
    warnings = serializers.SerializerMethodField(help_text="Sentences about months that are skipped.")
    url = serializers.SerializerMethodField()
    createdAt = serializers.DateTimeField(source="created_at")
    updatedAt = serializers.DateTimeField(source="version.created_at", help_text="When this version was created.")
    definition = serializers.SerializerMethodField(help_text="What PUT takes.")

    def get_timeZone(self, schedule: Schedule) -> str:
        return schedule.zone.key

    @extend_schema_field(serializers.ListField(child=serializers.DateTimeField()))
    def get_nextTimes(self, schedule: Schedule) -> list[str]:
        if schedule.paused or schedule.next_at is None:
            return []
        after, zone = timezone.now(), schedule.zone
        return [time.astimezone(zone).isoformat() for time in islice(schedule.times(after=after), _NEXT_TIMES)]

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_warnings(self, schedule: Schedule) -> list[str]:
        sentence = cron.warning(schedule.version.definition["cron"])
        return [sentence] if sentence else []

    @extend_schema_field(OpenApiTypes.URI)
    def get_url(self, schedule: Schedule) -> str:
        return schedule_url(schedule)

    @extend_schema_field({"$ref": "#/components/schemas/ScheduleDefinitionRequest"})
    def get_definition(self, schedule: Schedule) -> dict[str, Any]:
        return schedule.definition.entry()


class ChildSerializer(serializers.Serializer[SlotRecipient]):
    """A recipient of a slot, and its job."""

    key = serializers.CharField()
    jobId = serializers.UUIDField(source="any_job_id", allow_null=True, help_text="The latest one, after a retry.")
    jobStatus = serializers.CharField(source="job_status", default=None, allow_null=True)
    deliveryState = serializers.SerializerMethodField(help_text="As that of the job; null without deliveries.")
    outcome = serializers.ChoiceField(choices=Outcome.choices)
    to = serializers.ListField(child=serializers.CharField(), source="addresses")
    parameters = serializers.DictField(help_text="Its own values.")
    reason = serializers.CharField(help_text="Why there is no job, or why addresses are left out.")

    def get_deliveryState(self, child: SlotRecipient) -> str | None:
        return child.delivery_state or None


class SlotSerializer(serializers.Serializer[Slot]):
    """A time of a schedule, and what came of it. From `SlotQuerySet.complete()`."""

    id = serializers.IntegerField()
    slot = serializers.DateTimeField(source="time")
    kind = serializers.ChoiceField(choices=Slot.Kind.choices)
    state = serializers.ChoiceField(choices=Slot.State.choices)
    jobId = serializers.UUIDField(source="any_job_id", allow_null=True)
    jobStatus = serializers.CharField(source="job_status", default=None, allow_null=True)
    children = ChildSerializer(
        source="listed_children", many=True, help_text="Of a burst: its first 100 recipients, by key."
    )
    childrenTotal = serializers.IntegerField(source="children_total", help_text="How many recipients it has.")
    reason = serializers.CharField(help_text="Why there is no job, or empty.")
    version = serializers.IntegerField(source="version.number", default=None, allow_null=True)


class RetriedSlotSerializer(SlotSerializer):
    """A slot of which recipients run again."""

    retried = serializers.IntegerField(help_text="How many recipients run again, at most 100.")
    left = serializers.IntegerField(help_text="How many that failed are left for another call.")


class RecipientSerializer(serializers.Serializer[Recipient]):
    """A recipient of a burst that has not happened."""

    key = serializers.CharField()
    to = serializers.ListField(child=serializers.CharField(), source="addresses")
    parameters = serializers.SerializerMethodField(help_text="Its own values; texts if they are not valid.")
    runs = serializers.SerializerMethodField(help_text="Whether it would get a job.")
    reason = serializers.CharField(help_text="Why it wouldn't, or why addresses are left out.")

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_parameters(self, recipient: Recipient) -> dict[str, object]:
        return recipient.values or dict(recipient.parameters)

    def get_runs(self, recipient: Recipient) -> bool:
        return not recipient.is_refused


class RecipientPreviewSerializer(serializers.Serializer[Any]):
    """Who would receive what."""

    recipients = RecipientSerializer(many=True)
    total = serializers.IntegerField()
    refused = serializers.IntegerField(help_text="Of them, those that wouldn't get a job.")


class PreviewSerializer(StrictSerializer):
    """A cron expression whose next times are wanted. Its errors are in `fields`."""

    cron = serializers.CharField(max_length=cron.MAX_LENGTH)
    time_zone = serializers.CharField(required=False, default="UTC", max_length=64)
    # `from` is a keyword of Python.
    count = serializers.IntegerField(required=False, default=5, min_value=1, max_value=100)

    def get_fields(self) -> dict[str, Any]:
        return super().get_fields() | {"from": serializers.DateTimeField(required=False, allow_null=True, default=None)}

    def validate_cron(self, expression: str) -> str:
        if sentence := cron.error(expression, timezone.now()):
            raise serializers.ValidationError(sentence)
        return expression

    def validate_time_zone(self, name: str) -> str:
        if not is_time_zone(name):
            raise serializers.ValidationError(NO_SUCH_ZONE)
        return name


class TimesSerializer(serializers.Serializer[Any]):
    """Times in the time zone, and sentences about months that are skipped."""

    times = serializers.ListField(child=serializers.DateTimeField())
    warnings = serializers.ListField(child=serializers.CharField())


class BackfillSerializer(StrictSerializer):
    """The first and the last time of a backfill."""

    to = serializers.DateTimeField()

    def get_fields(self) -> dict[str, Any]:
        return {"from": serializers.DateTimeField(), **super().get_fields()}

    def validate(self, data: dict[str, datetime]) -> dict[str, datetime]:
        if data["to"] < data["from"]:
            raise serializers.ValidationError({"to": ["Must not be before from."]})
        return data


class BackfilledSerializer(serializers.Serializer[Any]):
    """The slots that a backfill created, the first one first."""

    slots = SlotSerializer(many=True)


class OfferSerializer(serializers.Serializer[Offer]):
    """A schedule to which the caller can subscribe."""

    id = serializers.UUIDField(source="schedule.pk")
    slug = serializers.CharField(source="schedule.slug")
    report = ScheduleReportSerializer(source="schedule.report")
    paused = serializers.BooleanField(source="schedule.paused")
    nextTime = serializers.DateTimeField(source="schedule.next_at", allow_null=True)
    subscribed = serializers.BooleanField(help_text="Whether the caller gets its results by e-mail.")


class OffersSerializer(serializers.Serializer[Any]):
    """All schedules to which the caller can subscribe."""

    results = OfferSerializer(many=True)


class SubscribedSerializer(serializers.Serializer[Any]):
    """The caller's subscription."""

    subscribed = serializers.BooleanField()
    address = serializers.EmailField(help_text="Where the results are sent.")
