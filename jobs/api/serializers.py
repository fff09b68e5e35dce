"""Jobs as the API represents them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from common.api.schema import ErrorSerializer
from common.api.strict import StrictSerializer
from jobs.connections import to_database
from jobs.models import Artifact, Connection, Delivery, JobEvent, JobExecutionLog
from jobs.results import downloads
from jobs.status import DeliveryState, JobError, QueuePosition, Status


def status_url(job: JobExecutionLog) -> str:
    """Return the absolute URL of the job's status, from REPORTSERVER_PUBLIC_URL: a client can forge the Host header."""
    return f"{settings.PUBLIC_URL}/api/v1/jobs/{job.pk}"


class JobReportSerializer(serializers.Serializer[JobExecutionLog]):
    id = serializers.UUIDField(source="report_uuid")
    slug = serializers.CharField(source="report_slug")
    name = serializers.CharField(source="report_name")
    version = serializers.IntegerField(source="version_number")


class JobProgressSerializer(serializers.Serializer[JobExecutionLog]):
    percent = serializers.IntegerField(allow_null=True)
    rows = serializers.IntegerField()
    bytes = serializers.IntegerField()


class JobErrorSerializer(serializers.Serializer[JobError]):
    code = serializers.CharField()
    message = serializers.CharField()
    retryable = serializers.BooleanField()
    attempts = serializers.IntegerField()


class JobResultSerializer(serializers.Serializer[Artifact]):
    filename = serializers.SerializerMethodField()
    contentType = serializers.SerializerMethodField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField()
    rows = serializers.IntegerField()
    truncated = serializers.SerializerMethodField()
    truncatedReason = serializers.CharField(source="truncated")

    def get_filename(self, artifact: Artifact) -> str:
        return downloads.filename(artifact.job, artifact.job.format)

    def get_contentType(self, artifact: Artifact) -> str:
        return downloads.media_type(artifact.job.format)

    def get_truncated(self, artifact: Artifact) -> bool:
        return bool(artifact.truncated)


class JobResultFileSerializer(serializers.Serializer[Any]):
    """One of the files of a result."""

    format = serializers.CharField()
    filename = serializers.CharField()
    contentType = serializers.CharField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField()
    resultUrl = serializers.URLField()


class QueuePositionSerializer(serializers.Serializer[QueuePosition]):
    position = serializers.IntegerField(
        help_text="1: claimed next. For a report that limits its running jobs: the position among its jobs."
    )
    isMore = serializers.BooleanField(source="is_more", help_text="True if `position` is a lower bound.")
    estimatedStart = serializers.DateTimeField(
        source="start",
        allow_null=True,
        help_text="Estimated from past run times; null while no worker is alive, or the job waits for an earlier one "
        "of its schedule.",
    )


def caller_attributes(job: JobExecutionLog) -> dict[str, Any] | None:
    """Return the attributes of the user as whom the job ran, for Administrators; None if it used none."""
    values = job.caller_values
    return None if values is None else {name: each["value"] for name, each in values.items()}


@extend_schema_field(serializers.DictField(allow_null=True))
class CallerAttributesField(serializers.Field[JobExecutionLog, Any, Any, Any]):
    """The attributes of the user as whom the job ran. Left out for callers who don't administer the job's tenant."""

    def get_attribute(self, job: JobExecutionLog) -> JobExecutionLog:
        user = self.context.get("user")
        if user is None or not user.administers(job.tenant_id):
            raise serializers.SkipField
        return job

    def to_representation(self, job: JobExecutionLog) -> dict[str, Any] | None:
        return caller_attributes(job)


class JobSerializer(serializers.Serializer[JobExecutionLog]):
    """A job's status. All keys are always present."""

    jobId = serializers.UUIDField(source="pk")
    status = serializers.ChoiceField(choices=Status.choices)
    startTime = serializers.SerializerMethodField(
        help_text="When the last attempt started; while Queued, when the job was accepted."
    )
    endTime = serializers.DateTimeField(source="ended_at", allow_null=True)
    resultUrl = serializers.SerializerMethodField()
    errorDetails = JobErrorSerializer(source="error", allow_null=True)
    queuedTime = serializers.DateTimeField(source="queued_at")
    createdBy = serializers.CharField(source="requested_by_name")
    createdWithKey = serializers.CharField(
        source="key_name", allow_null=True, help_text="The name of the API key that it was requested with, if any."
    )
    report = JobReportSerializer(source="*")
    format = serializers.CharField(help_text="The first of `formats`.")
    formats = serializers.ListField(child=serializers.CharField())
    parameters = serializers.DictField(help_text="The values that the job runs with. Relative dates are resolved.")
    requestedParameters = serializers.DictField(source="sent_parameters", help_text="The parameters as they were sent.")
    locale = serializers.CharField(allow_null=True, help_text="The locale that was asked for; null for the report's.")
    progress = JobProgressSerializer(source="*")
    queue = QueuePositionSerializer(
        source="queue_position", allow_null=True, help_text="The position in the queue; null unless Queued."
    )
    attempt = serializers.IntegerField()
    deliveryState = serializers.SerializerMethodField(help_text="What came of its deliveries; null without any.")
    retryOf = serializers.UUIDField(source="retry_of_id", allow_null=True)
    convertedFrom = serializers.UUIDField(
        source="converted_from", allow_null=True, help_text="The job whose kept rows it renders."
    )
    ranAs = serializers.CharField(
        source="ran_as_name",
        allow_null=True,
        help_text="The user whose attributes its queries used; null if they used none. Only that user and "
        "Administrators can see the job.",
    )
    callerAttributes = CallerAttributesField(
        required=False, help_text="For Administrators only: the attributes that its queries used, or null."
    )
    expiresAt = serializers.DateTimeField(source="result.expires_at", allow_null=True)
    result = JobResultSerializer(allow_null=True, help_text="The first file.")
    results = serializers.SerializerMethodField(help_text="All files, in the order of the formats that were asked for.")

    @extend_schema_field(OpenApiTypes.DATETIME)
    def get_startTime(self, job: JobExecutionLog) -> str:
        # A job queued for another attempt has a started_at, too: that of the attempt before.
        started_at = job.started_at if job.status != Status.QUEUED else None
        return (started_at or job.queued_at).isoformat().replace("+00:00", "Z")

    @extend_schema_field(serializers.ChoiceField(choices=DeliveryState.choices, allow_null=True))
    def get_deliveryState(self, job: JobExecutionLog) -> str | None:
        return job.delivery_state or None

    @extend_schema_field(serializers.URLField(allow_null=True))
    def get_resultUrl(self, job: JobExecutionLog) -> str | None:
        return f"{status_url(job)}/result" if job.result else None

    @extend_schema_field(JobResultFileSerializer(many=True))
    def get_results(self, job: JobExecutionLog) -> list[dict[str, object]]:
        # Without the serializer, which costs more than the rest of a status call.
        return [
            {
                "format": file.format,
                "filename": downloads.filename(job, file.format),
                "contentType": downloads.media_type(file.format),
                "size": file.size,
                "sha256": file.sha256,
                "resultUrl": f"{status_url(job)}/result?format={file.format}",
            }
            for file in (job.result.files if job.result else ())
        ]


class GenerateSerializer(StrictSerializer):
    parameters = serializers.DictField(required=False, default=dict)
    format = serializers.CharField(required=False, allow_null=True, default=None, max_length=20)
    deliver = serializers.BooleanField(
        required=False, default=False, help_text="Whether to send the result to the report's targets, too."
    )
    notify = serializers.BooleanField(
        required=False, default=False, help_text="Whether to send the caller a mail when the job has ended."
    )
    # Without defaults: the fingerprints of requests that don't have them stay as they were.
    locale = serializers.CharField(
        required=False,
        max_length=35,
        help_text="How html, pdf and xlsx write numbers and dates, such as de-DE. By default as the report says, else "
        "its tenant.",
    )
    formats = serializers.ListField(
        child=serializers.CharField(max_length=20),
        required=False,
        max_length=20,
        help_text="Several files from one read of the source, in place of `format`.",
    )
    max_age = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=366 * 86_400,
        help_text="Seconds. If the caller has a result of the same version, parameters and formats that is no older, "
        "the answer is its job.",
    )


class AcceptedSerializer(serializers.Serializer[JobExecutionLog]):
    jobId = serializers.UUIDField(source="pk")
    statusUrl = serializers.SerializerMethodField()
    status = serializers.ChoiceField(choices=Status.choices)

    @extend_schema_field(OpenApiTypes.URI)
    def get_statusUrl(self, job: JobExecutionLog) -> str:
        return status_url(job)


class RetriedSerializer(AcceptedSerializer):
    retryOf = serializers.UUIDField(source="retry_of_id")


_DELIVERY_STATES = ("Held", "Pending", "Delivered", "Failed", "Skipped", "Discarded")


class ConvertedSerializer(AcceptedSerializer):
    convertedFrom = serializers.UUIDField(source="converted_from")


#: Details of events that describe the server's machines.
MACHINE_DETAILS = frozenset({"host", "pid"})


class JobEventSerializer(serializers.ModelSerializer[JobEvent]):
    """An event of a job's timeline. `machine_details` in the context: those MACHINE_DETAILS that the caller may see."""

    details = serializers.SerializerMethodField()

    class Meta:
        model = JobEvent
        fields = ["at", "kind", "attempt", "fence", "details"]

    @extend_schema_field(serializers.DictField())
    def get_details(self, event: JobEvent) -> dict[str, Any]:
        hidden = MACHINE_DETAILS.difference(self.context.get("machine_details", ()))
        return {name: value for name, value in event.details.items() if name not in hidden}


class JobTimelineSerializer(serializers.Serializer[Any]):
    """All events of a job."""

    results = JobEventSerializer(many=True)


class RecipientField(serializers.CharField):
    """To whom a result is sent. Left out unless the context has `shows_recipients`."""

    def get_attribute(self, delivery: Delivery) -> str:
        if not self.context.get("shows_recipients"):
            raise serializers.SkipField
        return delivery.target


class JobDeliverySerializer(serializers.Serializer[Delivery]):
    """A result that is sent to one recipient."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.CharField()
    state = serializers.ChoiceField(choices=_DELIVERY_STATES, source="state_name")
    recipient = RecipientField(
        required=False, help_text="Address, URL or folder. Only for who requested the job, and Administrators."
    )
    reason = serializers.CharField(
        source="error", help_text="Why the last attempt failed, or why it is held or not sent; or empty."
    )
    attempts = serializers.IntegerField(source="attempt")
    createdTime = serializers.DateTimeField(source="created_at")
    endTime = serializers.DateTimeField(source="ended_at", allow_null=True)


class JobDeliveriesSerializer(serializers.Serializer[Any]):
    """All deliveries of a job."""

    results = JobDeliverySerializer(many=True)


class NoResultSerializer(ErrorSerializer):
    """The reason why there is no result to download."""

    status = serializers.ChoiceField(choices=Status.choices)
    message = serializers.CharField()
    jobId = serializers.UUIDField(required=False, help_text="The job that `run` created.")


class ConnectionSerializer(serializers.Serializer[Connection]):
    """A connection, without its secrets."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    kind = serializers.ChoiceField(choices=Connection.Kind.choices)
    shownUrl = serializers.CharField(
        source="shown_url", help_text="Its URL without secrets; empty if it can't be decrypted."
    )
    hostKey = serializers.CharField(source="host_key", help_text="Of the only SSH server it talks to, or empty.")
    anyAddress = serializers.BooleanField(
        source="is_operators", help_text="Whether a definitions file has set the URL, so that it may be private."
    )
    grants = serializers.SerializerMethodField(help_text="Who may use it, besides Administrators.")
    createdAt = serializers.DateTimeField(source="created_at")
    definition = serializers.SerializerMethodField(help_text="What PUT takes, without secrets, which then stay.")

    @extend_schema_field({"type": "object", "properties": {"use": {"type": "array", "items": {"type": "string"}}}})
    def get_grants(self, connection: Connection) -> dict[str, Any]:
        return {"use": to_database.grants(connection)}

    @extend_schema_field({"$ref": "#/components/schemas/SentConnectionRequest"})
    def get_definition(self, connection: Connection) -> dict[str, Any]:
        return to_database.entry(connection)


class ConnectionTestSerializer(serializers.Serializer[Any]):
    """Whether a connection works, and why not."""

    ok = serializers.BooleanField()
    message = serializers.CharField()
    hostKey = serializers.CharField(
        source="host_key", help_text="Of a server whose key isn't pinned yet, to be compared; else empty."
    )
