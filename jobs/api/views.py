"""API calls about jobs."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from common.api.schema import errors, header
from common.throttling import GenerateThrottle
from jobs import actions, permissions
from jobs.api import polling
from jobs.api.job_body import job_body
from jobs.api.responses import FILE_HEADERS, JOB_ID, LOCATION, RETRY_AFTER, accepted
from jobs.api.serializers import (
    AcceptedSerializer,
    JobSerializer,
    JobTimelineSerializer,
    NoResultSerializer,
    RetriedSerializer,
)
from jobs.models import JobExecutionLog
from jobs.monitoring.filters import JobFilter
from jobs.queue import position
from jobs.results import downloads
from reports.rendering import RENDERERS

#: Generated clients read the result as the first of these says: as bytes, not as text.
_MEDIA_TYPES = ["application/octet-stream", *(renderer.media_type for renderer in RENDERERS.values())]
_LINK = header("Link", "The URLs of the next and the previous page (RFC 8288).", 200)


class JobView(APIView):
    """A call about one job."""

    @property
    def user(self) -> User:
        return self.request.user  # type: ignore[return-value]

    def get_job(self, job_id: str) -> JobExecutionLog:
        """Return the job: 404 if it isn't in the caller's tenant, 403 if the caller can't see it."""
        return permissions.visible_job(self.user, job_id)


class JobList(ListAPIView[JobExecutionLog]):
    """The jobs that the caller can see, newest first."""

    serializer_class = JobSerializer
    filterset_class = JobFilter
    queryset = JobExecutionLog.objects.all()
    ordering = ("-queued_at", "-id")

    @extend_schema(parameters=[_LINK], responses={200: JobSerializer(many=True), **errors(400, 401, 404, 429)})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "user": self.request.user}

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
            JOB_ID,
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
        body = job_body(job, shows_caller=self.user.administers(job.tenant_id))
        return polling.status_response(request, job, body, waited=preferred is not None)


class JobResult(JobView):
    """The result file."""

    @extend_schema(
        operation_id="job_result",
        parameters=[
            JOB_ID,
            OpenApiParameter("format", str, description="Which of the job's files; by default the first."),
            OpenApiParameter("Range", str, OpenApiParameter.HEADER),
            OpenApiParameter("If-Range", str, OpenApiParameter.HEADER),
            OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER),
            *FILE_HEADERS,
            header("Content-Range", "The range of bytes in the response.", 206, 416),
            RETRY_AFTER,
        ],
        responses={
            **{(code, media_type): OpenApiTypes.BINARY for code in (200, 206) for media_type in _MEDIA_TYPES},
            304: OpenApiResponse(description="Unchanged."),
            **errors(400, 401, 403, 404, 416, 429, 500, 503),
            409: OpenApiResponse(NoResultSerializer, description="Queued or Running."),
            410: OpenApiResponse(NoResultSerializer, description="Failed."),
        },
    )
    def get(self, request: Request, job_id: str) -> HttpResponseBase:
        return downloads.result_response(request._request, self.get_job(job_id), self.user)


class JobRetry(JobView):
    """Retry a failed job as a new job with the same version, parameters and formats."""

    throttle_classes = [GenerateThrottle]

    @extend_schema(
        operation_id="job_retry",
        request=None,
        parameters=[JOB_ID, LOCATION, RETRY_AFTER],
        responses={202: RetriedSerializer, **errors(401, 403, 404, 409, 429, 503)},
    )
    def post(self, request: Request, job_id: str) -> Response:
        job = actions.retry(job=permissions.job_to_retry(self.user, job_id), actor=self.user)
        return accepted(job, serializer=RetriedSerializer)


class JobCancel(JobView):
    """Cancel a queued or running job. A running job ends within seconds."""

    @extend_schema(
        operation_id="job_cancel",
        request=None,
        parameters=[JOB_ID, LOCATION, RETRY_AFTER],
        responses={202: AcceptedSerializer, **errors(401, 403, 404, 409, 429, 503)},
    )
    def post(self, request: Request, job_id: str) -> Response:
        job = permissions.job_to_cancel(self.user, job_id)
        actions.cancel(job=job, actor=self.user)
        return accepted(JobExecutionLog.objects.get(pk=job.pk))


class JobEvents(JobView):
    """A job's timeline, oldest first."""

    @extend_schema(
        operation_id="job_events",
        parameters=[JOB_ID],
        responses={200: JobTimelineSerializer, **errors(401, 403, 404, 429)},
    )
    def get(self, request: Request, job_id: str) -> Response:
        job = self.get_job(job_id)
        # Host names are never sent to API clients. Process ids are useful to those who run the server.
        context = {"machine_details": ("pid",) if self.user.administers(job.tenant_id) else ()}
        return Response(JobTimelineSerializer({"results": job.events.all()}, context=context).data)
