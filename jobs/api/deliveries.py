"""API calls about deliveries."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from common.api.schema import errors
from jobs import permissions
from jobs.api.serializers import JobDeliveriesSerializer, JobDeliverySerializer
from jobs.api.views import JobView
from jobs.delivery import links, outbox
from jobs.models import Delivery


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
        return Response(
            JobDeliveriesSerializer({"results": job.deliveries.select_related("link")}, context=context).data
        )


_ID = OpenApiParameter("delivery_id", OpenApiTypes.UUID, OpenApiParameter.PATH)
_ERRORS = errors(401, 403, 404, 409, 429)


class HeldDelivery(APIView):
    """A call about a delivery that waits for an Administrator."""

    def delivery(self, delivery_id: str) -> Delivery:
        user: User = self.request.user  # type: ignore[assignment]
        return permissions.delivery_to_decide(user, delivery_id)

    def represent(self, delivery: Delivery) -> Response:
        delivery.refresh_from_db()
        return Response(JobDeliverySerializer(delivery, context={"shows_recipients": True}).data)


class Release(HeldDelivery):
    """Send a held delivery."""

    @extend_schema(
        operation_id="delivery_release",
        request=None,
        parameters=[_ID],
        responses={200: JobDeliverySerializer, **_ERRORS},
    )
    def post(self, request: Request, delivery_id: str) -> Response:
        delivery = self.delivery(delivery_id)
        outbox.release(delivery=delivery, actor=request.user)  # type: ignore[arg-type]
        return self.represent(delivery)


class Discard(HeldDelivery):
    """Never send a held delivery."""

    @extend_schema(
        operation_id="delivery_discard",
        request=None,
        parameters=[_ID],
        responses={200: JobDeliverySerializer, **_ERRORS},
    )
    def post(self, request: Request, delivery_id: str) -> Response:
        delivery = self.delivery(delivery_id)
        outbox.discard(delivery=delivery, actor=request.user)  # type: ignore[arg-type]
        return self.represent(delivery)


class RevokeLink(HeldDelivery):
    """Revoke a download link."""

    @extend_schema(
        operation_id="delivery_revoke_link",
        parameters=[_ID],
        request=None,
        responses={200: JobDeliverySerializer, **errors(401, 403, 404, 429)},
    )
    def post(self, request: Request, delivery_id: str) -> Response:
        """Revoke the link in a mail. For the user who requested the job, and Administrators."""
        user: User = request.user  # type: ignore[assignment]
        delivery = permissions.delivery_to_revoke(user, delivery_id)
        links.revoke(delivery=delivery, actor=user)
        return self.represent(Delivery.objects.select_related("link").get(pk=delivery.pk))
