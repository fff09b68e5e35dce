"""The call that says with which values a report would run."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.api.schema import errors
from common.api.strict import StrictSerializer
from reports.choices.checking import check_choices
from reports.models import ReportConfiguration
from reports.parameters.caller import caller_values
from reports.parameters.values import to_json, typed_values
from reports.permissions import may_generate


class ResolveSerializer(StrictSerializer):
    """Parameters as generate takes them."""

    parameters = serializers.DictField(required=False, default=dict)


class ResolvedSerializer(serializers.Serializer[Any]):
    """The values with which a job would run now."""

    version = serializers.IntegerField(help_text="The version of the report.")
    parameters = serializers.DictField(help_text="With defaults; relative dates are resolved. Without those not given.")
    labels = serializers.DictField(help_text="What people see in place of values that come from a choices query.")


class ResolveParameters(APIView):
    """Check parameters without running the report."""

    @extend_schema(
        operation_id="resolve_parameters",
        parameters=[OpenApiParameter("key", str, OpenApiParameter.PATH, description="The report's id or slug.")],
        request=ResolveSerializer,
        responses={200: ResolvedSerializer, **errors(400, 401, 403, 404, 409, 413, 415, 429, 503)},
    )
    def post(self, request: Request, key: str) -> Response:
        """Return the values with which generate would run the report, or the errors that it would answer with.

        Nothing is queued. Only queries of choices run.
        """
        user: Any = request.user
        report = ReportConfiguration.objects.find_to_run(user, key)
        if not may_generate(user, report):
            raise PermissionDenied("You don't have the generate right on this report.")
        version = report.version
        caller_values(user, version.caller_names)
        body = ResolveSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        moment = report.moment(timezone.now())
        values = typed_values(
            version.declared_parameters(), body.validated_data["parameters"], moment, rules=version.rules
        )
        labels = check_choices(version, values, actor=user)
        resolved = {"version": version.number, "parameters": to_json(values), "labels": labels}
        return Response(ResolvedSerializer(resolved).data, headers={"Cache-Control": "private, no-store"})
