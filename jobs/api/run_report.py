"""The calls that run a report: `generate` answers with a job to poll, `run` with the file."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.api.schema import errors, header
from common.throttling import GenerateThrottle
from jobs import actions
from jobs.api import polling
from jobs.api.job_body import status_url
from jobs.api.responses import FILE_HEADERS, LOCATION, RETRY_AFTER, accepted
from jobs.api.serializers import AcceptedSerializer, GenerateSerializer, NoResultSerializer
from jobs.exceptions import ResultOfFailedJob
from jobs.models import JobExecutionLog
from jobs.queue.idempotency import Idempotency
from jobs.results import downloads
from reports.models import ReportConfiguration
from reports.parameters.caller import caller_values
from reports.permissions import may_generate
from reports.rendering import RENDERERS
from reports.targets.models import DeliveryTarget

Mode = DeliveryTarget.Mode
_ALWAYS_COMPARED = ("parameters", "format")


class RunReportView(APIView):
    """A call that runs a report. `mode` is how the caller gets the result."""

    throttle_classes = [GenerateThrottle]
    mode = Mode.ASYNCHRONOUS

    def submit(self, key: str) -> tuple[JobExecutionLog, dict[str, str]]:
        """Return the new job, or an earlier one: of the same Idempotency-Key, or new enough; and headers."""
        user: Any = self.request.user
        # The checks' order is part of the API: 404, then 403, then 409, then 400.
        report = ReportConfiguration.objects.find_to_run(user, key)
        if not may_generate(user, report):
            raise PermissionDenied("You don't have the generate right on this report.")
        caller_values(user, report.version.caller_names)
        actions.check_mode(report, self.mode)
        data = self.request.data if self.request.body else {}
        if not isinstance(data, dict):
            raise ValidationError({"body": ["The body must be a JSON object."]})
        body = GenerateSerializer(data=data)
        body.is_valid(raise_exception=True)
        # Optional parts only if they are used: requests from before they existed keep their fingerprints.
        given = {name: value for name, value in body.validated_data.items() if value or name in _ALWAYS_COMPARED}
        key_header = self.request.headers.get("Idempotency-Key")
        submission = actions.submit(
            report=report,
            actor=user,
            mode=self.mode,
            idempotency=None if key_header is None else Idempotency.of(key_header, given),
            **body.validated_data,
        )
        self.request._request.job_id = submission.job.pk  # type: ignore[attr-defined] # for the request log
        headers = {"Idempotency-Replayed": submission.is_replay, "Reused": submission.is_reused}
        return submission.job, {name: "true" for name, applies in headers.items() if applies}


_RUN_PARAMETERS = [
    OpenApiParameter("key", str, OpenApiParameter.PATH, description="The report's id or slug."),
    OpenApiParameter(
        "Idempotency-Key", str, OpenApiParameter.HEADER, description="1 to 255 characters, no control characters."
    ),
    LOCATION,
    RETRY_AFTER,
    header("Reused", "`true` if the job is an earlier one, no older than `max_age`.", 200, 202),
    header("Idempotency-Replayed", "`true` if an earlier call with this key created the job.", 200, 202),
]
_CONTENT_LOCATION = header("Content-Location", "The URL of the job's result.", 200, type=OpenApiTypes.URI)


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
        return accepted(job, headers)


class Run(RunReportView):
    """Run a synchronous report. Returns the file if the job ends within the configured wait, else the job to poll."""

    mode = Mode.SYNCHRONOUS

    @extend_schema(
        operation_id="run",
        request=GenerateSerializer,
        parameters=[*_RUN_PARAMETERS, *FILE_HEADERS, _CONTENT_LOCATION],
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
            return accepted(job, headers)
        try:
            response = downloads.result_response(request._request, job, request.user)  # type: ignore[arg-type]
        except ResultOfFailedJob as error:
            error.details["jobId"] = str(job.pk)
            raise
        for name, value in {**headers, "Content-Location": f"{status_url(job)}/result"}.items():
            response[name] = value
        return response
