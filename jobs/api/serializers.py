"""Jobs as the API represents them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from common.api.schema import ErrorSerializer
from common.api.strict import StrictSerializer
from jobs.api.job_body import job_body, status_url
from jobs.connections import to_database
from jobs.models import Connection, Delivery, DownloadLink, JobEvent, JobExecutionLog
from jobs.status import DeliveryState, Status
from reports.kept_rows.comparison import Change


class JobReportSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    version = serializers.IntegerField()


class JobProgressSerializer(serializers.Serializer[Any]):
    percent = serializers.IntegerField(allow_null=True)
    rows = serializers.IntegerField()
    bytes = serializers.IntegerField()


class JobErrorSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    retryable = serializers.BooleanField()
    attempts = serializers.IntegerField()


class JobResultSerializer(serializers.Serializer[Any]):
    filename = serializers.CharField()
    contentType = serializers.CharField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField()
    rows = serializers.IntegerField()
    truncated = serializers.BooleanField()
    truncatedReason = serializers.CharField()


class JobResultFileSerializer(serializers.Serializer[Any]):
    """One of the files of a result."""

    format = serializers.CharField()
    filename = serializers.CharField()
    contentType = serializers.CharField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField()
    resultUrl = serializers.URLField()


class QueuePositionSerializer(serializers.Serializer[Any]):
    position = serializers.IntegerField(
        help_text="1: claimed next. For a report that limits its running jobs: the position among its jobs."
    )
    isMore = serializers.BooleanField(help_text="True if `position` is a lower bound.")
    estimatedStart = serializers.DateTimeField(
        allow_null=True,
        help_text="Estimated from past run times; null while no worker is alive, or the job waits for an earlier one "
        "of its schedule.",
    )


class JobSerializer(serializers.Serializer[JobExecutionLog]):
    """A job's status. All keys are always present."""

    # The fields say what `job_body` returns.
    jobId = serializers.UUIDField()
    status = serializers.ChoiceField(choices=Status.choices)
    startTime = serializers.DateTimeField(
        help_text="When the last attempt started; while Queued, when the job was accepted."
    )
    endTime = serializers.DateTimeField(allow_null=True)
    resultUrl = serializers.URLField(allow_null=True)
    errorDetails = JobErrorSerializer(allow_null=True)
    queuedTime = serializers.DateTimeField()
    createdBy = serializers.CharField()
    createdWithKey = serializers.CharField(
        allow_null=True, help_text="The name of the API key that it was requested with, if any."
    )
    report = JobReportSerializer()
    format = serializers.CharField(help_text="The first of `formats`.")
    formats = serializers.ListField(child=serializers.CharField())
    parameters = serializers.DictField(help_text="The values that the job runs with. Relative dates are resolved.")
    requestedParameters = serializers.DictField(help_text="The parameters as they were sent.")
    locale = serializers.CharField(allow_null=True, help_text="The locale that was asked for; null for the report's.")
    section = serializers.CharField(
        allow_null=True, help_text="The section in files that have only one; null if the report has no sections."
    )
    progress = JobProgressSerializer()
    queue = QueuePositionSerializer(allow_null=True, help_text="The position in the queue; null unless Queued.")
    attempt = serializers.IntegerField()
    deliveryState = serializers.ChoiceField(
        choices=DeliveryState.choices, allow_null=True, help_text="What came of its deliveries; null without any."
    )
    retryOf = serializers.UUIDField(allow_null=True)
    convertedFrom = serializers.UUIDField(allow_null=True, help_text="The job whose kept rows it renders.")
    splitFrom = serializers.UUIDField(
        allow_null=True, help_text="The job whose result was split by a schedule, if it has the rows of one recipient."
    )
    ranAs = serializers.CharField(
        allow_null=True,
        help_text="The user whose attributes its queries used; null if they used none. Only that user and "
        "Administrators can see the job.",
    )
    callerAttributes = serializers.DictField(
        allow_null=True,
        required=False,
        help_text="For Administrators only: the attributes that its queries used, or null.",
    )
    expiresAt = serializers.DateTimeField(allow_null=True)
    result = JobResultSerializer(allow_null=True, help_text="The first file.")
    results = JobResultFileSerializer(
        many=True, help_text="All files, in the order of the formats that were asked for."
    )

    def to_representation(self, job: JobExecutionLog) -> dict[str, Any]:
        user = self.context.get("user")
        return job_body(job, shows_caller=user is not None and user.administers(job.tenant_id))


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
    section = serializers.CharField(
        required=False,
        max_length=100,
        help_text="Which section of the report csv, ndjson and parquet files have. By default, the first.",
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


class DownloadLinkSerializer(serializers.Serializer[DownloadLink]):
    """A link that downloads the result without an account. Its address is nowhere but in the mail."""

    expiresAt = serializers.DateTimeField(source="expires_at")
    revokedAt = serializers.DateTimeField(source="revoked_at", allow_null=True)
    downloads = serializers.IntegerField()


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
    link = DownloadLinkSerializer(default=None, allow_null=True, help_text="null if the mail has none.")
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

    @extend_schema_field({"$ref": "#/components/schemas/ConnectionGrants"})
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


class ComparedColumnSerializer(serializers.Serializer[object]):
    name = serializers.CharField()
    key = serializers.BooleanField(help_text="Whether its values identify a row: `compare_by` of the report.")


class RowDifferenceSerializer(serializers.Serializer[object]):
    """A row that differs, with values as the json format writes them."""

    difference = serializers.ChoiceField([change.value for change in Change])
    later = serializers.ListField(child=serializers.JSONField(allow_null=True), allow_null=True)
    earlier = serializers.ListField(child=serializers.JSONField(allow_null=True), allow_null=True)


class ComparisonSerializer(serializers.Serializer[object]):
    """How the later of two results differs from the earlier one."""

    later = serializers.UUIDField(help_text="The job that started later.")
    earlier = serializers.UUIDField()
    columns = ComparedColumnSerializer(many=True, help_text="That both have. Without a key, whole rows are compared.")
    onlyLater = serializers.ListField(child=serializers.CharField(), help_text="Columns that aren't compared.")
    onlyEarlier = serializers.ListField(child=serializers.CharField(), help_text="Columns that aren't compared.")
    added = serializers.IntegerField()
    removed = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    truncated = serializers.BooleanField(help_text="Whether one of the results lacks rows.")
    rows = RowDifferenceSerializer(many=True)
