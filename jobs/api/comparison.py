"""The call that compares the rows of two results."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from common.api.schema import errors
from jobs import permissions
from jobs.api.responses import JOB_ID
from jobs.api.serializers import ComparisonSerializer, NoResultSerializer
from jobs.api.views import JobView
from jobs.comparison.actions import Compared, Wanted, compare_results
from reports.kept_rows.comparison import Change, Difference

_MAX_LIMIT = 200


class _QuerySerializer(serializers.Serializer[object]):
    offset = serializers.IntegerField(min_value=0, max_value=2**31 - 1, default=0)
    limit = serializers.IntegerField(min_value=1, max_value=_MAX_LIMIT, default=100)
    difference = serializers.ChoiceField(
        [change.value for change in Change], required=False, help_text="Only differences of this kind."
    )
    section = serializers.CharField(
        required=False, max_length=100, help_text="By default that of the result's files, or else the first."
    )

    def get_fields(self) -> Any:
        # `with` is no name in Python.
        text = "The id of another job of the same report."
        return {"with": serializers.CharField(max_length=100, help_text=text), **super().get_fields()}


class JobComparison(JobView):
    """The kept rows of two results of a report: which were added, removed and changed."""

    @extend_schema(
        operation_id="job_compare",
        parameters=[JOB_ID, _QuerySerializer],
        responses={
            200: ComparisonSerializer,
            **errors(400, 401, 403, 404, 429, 500, 503),
            409: NoResultSerializer,
            410: NoResultSerializer,
        },
    )
    def get(self, request: Request, job_id: str) -> HttpResponse:
        job = self.get_job(job_id)
        query = _QuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        values = query.validated_data
        other = permissions.visible_job(self.user, values["with"])
        change = Change(values["difference"]) if "difference" in values else None
        wanted = Wanted(values["offset"], values["limit"], change, values.get("section"), as_json=True)
        compared = compare_results(job=job, other=other, actor=self.user, wanted=wanted)
        # The values are JSON already: parsing them would round their numbers.
        rows = ",\n".join(map(_row, compared.comparison.differences))
        body = f'{json.dumps(_head(compared), ensure_ascii=False)[:-1]}, "rows": [{rows}]}}'
        return HttpResponse(body, content_type="application/json", headers={"Cache-Control": "private, no-store"})


def _head(compared: Compared) -> dict[str, object]:
    found = compared.comparison
    return {
        "later": str(compared.later.pk),
        "earlier": str(compared.earlier.pk),
        "columns": [{"name": column.name, "key": column.is_key} for column in found.columns],
        "onlyLater": found.only_later,
        "onlyEarlier": found.only_earlier,
        **{name: getattr(found, name) for name in ("added", "removed", "changed", "unchanged")},
        "truncated": compared.is_truncated,
    }


def _row(difference: Difference) -> str:
    sides = {
        side: "null" if values is None else f"[{','.join(map(str, values))}]"
        for side, values in (("later", difference.later), ("earlier", difference.earlier))
    }
    texts = ", ".join(f'"{side}": {values}' for side, values in sides.items())
    return f'{{"difference": "{difference.change.value}", {texts}}}'
