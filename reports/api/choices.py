"""The call that lists the choices of a parameter."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.api.schema import errors
from reports.api.serializers import ChoicesSerializer
from reports.choices.checking import MAX_TEXT, list_choices
from reports.choices.tasks import MAX_CHOICES
from reports.models import ReportConfiguration
from reports.permissions import may_generate

#: Precedes the name of a parent in the query string.
_PREFIX = "p."


class ParameterChoices(APIView):
    """The choices of a parameter that come from a query."""

    @extend_schema(
        operation_id="parameter_choices",
        parameters=[
            OpenApiParameter("key", str, OpenApiParameter.PATH, description="The report's id or slug."),
            OpenApiParameter("name", str, OpenApiParameter.PATH, description="The parameter's name."),
            OpenApiParameter("q", str, description=f"Text in value or label, at most {MAX_TEXT} characters."),
            OpenApiParameter("limit", int, description=f"How many, from 1 to {MAX_CHOICES}, which is the default."),
        ],
        responses={200: ChoicesSerializer, **errors(400, 401, 403, 404, 409, 429, 503)},
    )
    def get(self, request: Request, key: str, name: str) -> Response:
        """Return the first choices that contain `q`, in any case, in the order of their query.

        The values of the parameters on which they depend are in the query string, each as `p.` and its name:
        `p.country=DE`. Repeat it for several values.
        """
        user: Any = request.user
        report = ReportConfiguration.objects.find_to_run(user, key)
        if not may_generate(user, report):
            raise PermissionDenied("You don't have the generate right on this report.")
        query = request.query_params
        page = list_choices(
            report.version,
            name,
            {key.removeprefix(_PREFIX): query.getlist(key) for key in query if key.startswith(_PREFIX)},
            text=query.get("q", ""),
            limit=_limit(query.get("limit", "")),
            moment=report.moment(timezone.now()),
            actor=user,
        )
        return Response(ChoicesSerializer(page).data, headers={"Cache-Control": "private, no-store"})


def _limit(text: str) -> int:
    if not text:
        return MAX_CHOICES
    if not (text.isascii() and text.isdigit()) or not int(text[:10]) > 0:
        raise ValidationError({"limit": [f"Must be a whole number from 1 to {MAX_CHOICES}."]})
    return min(int(text[:10]), MAX_CHOICES)
