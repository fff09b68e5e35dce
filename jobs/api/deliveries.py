"""API calls about deliveries."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.schema import errors
from jobs import permissions
from jobs.api.serializers import JobDeliveriesSerializer
from jobs.api.views import JobView


class JobDeliveries(JobView):
    """To whom a job's result is sent, and what came of it."""

    @extend_schema(
        operation_id="job_deliveries",
        parameters=[OpenApiParameter("job_id", OpenApiTypes.UUID, OpenApiParameter.PATH)],
        responses={200: JobDeliveriesSerializer, **errors(401, 403, 404, 429)},
    )
    def get(self, request: Request, job_id: str) -> Response:
        job = self.get_job(job_id)
        context = {"shows_recipients": permissions.may_see_recipients(self.user, job)}
        return Response(JobDeliveriesSerializer({"results": job.deliveries.all()}, context=context).data)
