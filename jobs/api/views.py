"""API calls about jobs."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from common.api.schema import errors, header
from common.throttling import GenerateThrottle
from jobs import actions, permissions
from jobs.api import polling
from jobs.api.serializers import (
    AcceptedSerializer,
    GenerateSerializer,
    JobSerializer,
    JobTimelineSerializer,
    NoResultSerializer,
    RetriedSerializer,
    status_url,
)
from jobs.models import JobExecutionLog
from jobs.monitoring.filters import JobFilter
from jobs.queue import position
from jobs.results import downloads
from reports.models import DeliveryTarget, ReportConfiguration
from reports.permissions import may_generate
from reports.rendering import RENDERERS

Mode = DeliveryTarget.Mode
_ID = OpenApiParameter("job_id", OpenApiTypes.UUID, OpenApiParameter.PATH)
_LOCATION = header("Location", "The status URL.", 202, type=OpenApiTypes.URI)
_RETRY_AFTER = header("Retry-After", "Seconds to wait before the next poll.", 202, 409, type=OpenApiTypes.INT)
_FILE_HEADERS = [
    header("Content-Disposition", "attachment, with the file's name.", 200, 206, 304),
    header("ETag", "The file's sha-256, quoted.", 200, 206, 304),
    header("Repr-Digest", "The file's sha-256 (RFC 9530).", 200, 206, 304),
    header("Accept-Ranges", "bytes", 200, 206, 304, 416),
]
_LINK = header("Link", "The URLs of the next and the previous page (RFC 8288).", 200)


class JobView(APIView):
    """A call about one job."""

    @property
    def user(self) -> User:
        return self.request.user  # type: ignore[return-value]

    def get_job(self, job_id: str) -> JobExecutionLog:
        """Return the job: 404 if it isn't in the caller's tenant, 403 if the caller can't see it."""
        return permissions.visible_job(self.user, job_id)


class RunReportView(APIView):
    """A call that runs a report. `mode` is how the caller gets the result."""

    throttle_classes = [GenerateThrottle]
    mode = Mode.ASYNCHRONOUS

    def submit(self, key: str) -> tuple[JobExecutionLog, dict[str, str]]:
        """Return the new job, or the one that an earlier call with the same Idempotency-Key created, and headers."""
        user: Any = self.request.user
        # The checks' order is part of the API: 404, then 403, then 409, then 400.
        report = ReportConfiguration.objects.find_to_run(user, key)
        if not may_generate(user, report):
            raise PermissionDenied("You have no generate right on this report.")
        actions.check_mode(report, self.mode)
        data = self.request.data if self.request.body else {}
        if not isinstance(data, dict):
            raise ValidationError({"body": ["The body must be a JSON object."]})
        body = GenerateSerializer(data=data)
        body.is_valid(raise_exception=True)
        arguments = {"report": report, "actor": user, "mode": self.mode, **body.validated_data}
        key_header = self.request.headers.get("Idempotency-Key")
        if key_header is None:
            job, is_replay = actions.submit(**arguments), False
        else:
            idempotency = actions.Idempotency.of(key_header, body.validated_data)
            job, is_replay = actions.submit_once(**arguments, idempotency=idempotency)
        self.request._request.job_id = job.pk  # type: ignore[attr-defined] # for the request log
        return job, {"Idempotency-Replayed": "true"} if is_replay else {}


_RUN_PARAMETERS = [
    OpenApiParameter("key", str, OpenApiParameter.PATH, description="The report's id or slug."),
    OpenApiParameter(
        "Idempotency-Key", str, OpenApiParameter.HEADER, description="1 to 255 characters, no control characters."
    ),
    _LOCATION,
    _RETRY_AFTER,
    header("Idempotency-Replayed", "`true` if an earlier call with this key created the job.", 200, 202),
]


class Generate(RunReportView):
    """Run a report. The job is queued; poll its status URL."""

    @extend_schema(
        operation_id="generate",
        request=GenerateSerializer,
        parameters=_RUN_PARAMETERS,
        responses={202: AcceptedSerializer, **errors(400, 401, 403, 404, 409, 413, 415, 422, 429, 503)},
    )
    def post(self, request: Request, key: str) -> Response:
        job, headers = self.submit(key)
        return _accepted(job, headers)


class Run(RunReportView):
    """Run a synchronous report. Returns the file if the job ends within the configured wait, else the job to poll."""

    mode = Mode.SYNCHRONOUS

    @extend_schema(
        operation_id="run",
        request=GenerateSerializer,
        parameters=[*_RUN_PARAMETERS, *_FILE_HEADERS],
        responses={
            **{(200, kind.media_type): OpenApiTypes.BINARY for kind in RENDERERS.values()},
            202: AcceptedSerializer,
            **errors(400, 401, 403, 404, 409, 413, 415, 422, 429, 500, 503),
            410: OpenApiResponse(NoResultSerializer, description="The job failed."),
        },
    )
    def post(self, request: Request, key: str) -> HttpResponseBase:
        job, headers = self.submit(key)
        job = polling.wait_for_end(job, settings.SYNCHRONOUS_WAIT_SECONDS)
        if not job.is_ended:
            return _accepted(job, headers)
        response = downloads.result_response(request._request, job, request.user)  # type: ignore[arg-type]
        for name, value in headers.items():
            response[name] = value
        return response


class JobList(ListAPIView[JobExecutionLog]):
    """The jobs that the caller can see, newest first."""

    serializer_class = JobSerializer
    filterset_class = JobFilter
    queryset = JobExecutionLog.objects.all()
    ordering = ("-queued_at", "-id")

    @extend_schema(parameters=[_LINK], responses={200: JobSerializer(many=True), **errors(400, 401, 404, 429)})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[JobExecutionLog]:
        user: Any = self.request.user
        return JobExecutionLog.objects.visible_to(user).with_result()

    def paginate_queryset(self, queryset: Any) -> Any:
        page = super().paginate_queryset(queryset)
        position.annotate_positions(page or [])
        return page


class JobStatus(JobView):
    """A job's status. Poll it no more often than Retry-After says, or wait for a change with `Prefer: wait=N`."""

    @extend_schema(
        operation_id="job_status",
        parameters=[
            _ID,
            OpenApiParameter("Prefer", str, OpenApiParameter.HEADER, description="`wait=N`: N ≤ 25 seconds."),
            OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER),
            header("ETag", "Changes with the status.", 200, 304),
            header("Retry-After", "Seconds to wait before the next poll; absent once the job has ended.", 200),
        ],
        responses={200: JobSerializer, 304: OpenApiResponse(description="Unchanged."), **errors(401, 403, 404, 429)},
    )
    def get(self, request: Request, job_id: str) -> Response:
        job = self.get_job(job_id)
        preferred = polling.wait_preference(request)
        if preferred and not job.is_ended:
            job = polling.wait_for_change(job, preferred)
        position.annotate_positions([job])
        return polling.status_response(request, job, JobSerializer(job).data, waited=preferred is not None)


class JobResult(JobView):
    """The result file."""

    @extend_schema(
        operation_id="job_result",
        parameters=[
            _ID,
            OpenApiParameter("Range", str, OpenApiParameter.HEADER),
            OpenApiParameter("If-Range", str, OpenApiParameter.HEADER),
            OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER),
            *_FILE_HEADERS,
            header("Content-Range", "The range of bytes that is sent.", 206, 416),
            _RETRY_AFTER,
        ],
        responses={
            **{(code, kind.media_type): OpenApiTypes.BINARY for code in (200, 206) for kind in RENDERERS.values()},
            304: OpenApiResponse(description="Unchanged."),
            **errors(401, 403, 404, 416, 429, 500),
            409: OpenApiResponse(NoResultSerializer, description="Queued or Running."),
            410: OpenApiResponse(NoResultSerializer, description="Failed."),
        },
    )
    def get(self, request: Request, job_id: str) -> HttpResponseBase:
        return downloads.result_response(request._request, self.get_job(job_id), self.user)


class JobRetry(JobView):
    """Retry a failed job as a new job with the same version, parameters and format."""

    throttle_classes = [GenerateThrottle]

    @extend_schema(
        operation_id="job_retry",
        request=None,
        parameters=[_ID, _LOCATION, _RETRY_AFTER],
        responses={202: RetriedSerializer, **errors(401, 403, 404, 409, 429, 503)},
    )
    def post(self, request: Request, job_id: str) -> Response:
        job = actions.retry(job=permissions.job_to_retry(self.user, job_id), actor=self.user)
        return _accepted(job, serializer=RetriedSerializer)


class JobCancel(JobView):
    """Cancel a queued or running job. A running job ends within seconds."""

    @extend_schema(
        operation_id="job_cancel",
        request=None,
        parameters=[_ID, _LOCATION, _RETRY_AFTER],
        responses={202: AcceptedSerializer, **errors(401, 403, 404, 409, 429, 503)},
    )
    def post(self, request: Request, job_id: str) -> Response:
        job = permissions.job_to_cancel(self.user, job_id)
        actions.cancel(job=job, actor=self.user)
        return _accepted(JobExecutionLog.objects.get(pk=job.pk))


class JobEvents(JobView):
    """A job's timeline, oldest first."""

    @extend_schema(
        operation_id="job_events",
        parameters=[_ID],
        responses={200: JobTimelineSerializer, **errors(401, 403, 404, 429)},
    )
    def get(self, request: Request, job_id: str) -> Response:
        job = self.get_job(job_id)
        # Host names are never sent to API clients. Process ids are useful to those who run the server.
        context = {"machine_details": ("pid",) if self.user.administers(job.tenant_id) else ()}
        return Response(JobTimelineSerializer({"results": job.events.all()}, context=context).data)


def _accepted(
    job: JobExecutionLog, headers: dict[str, str] | None = None, serializer: Any = AcceptedSerializer
) -> Response:
    headers = {"Location": status_url(job), "Retry-After": "1", **(headers or {})}
    return Response(serializer(job).data, status=status.HTTP_202_ACCEPTED, headers=headers)
