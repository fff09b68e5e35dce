"""Calls about the rows that were kept beside a result: reading and converting them."""

from __future__ import annotations

import json

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.schema import errors
from common.api.strict import StrictSerializer
from common.throttling import GenerateThrottle
from jobs import actions
from jobs.api.responses import JOB_ID, LOCATION, RETRY_AFTER, accepted
from jobs.api.serializers import ConvertedSerializer, NoResultSerializer
from jobs.api.views import JobView
from jobs.results import kept_rows
from jobs.results.downloads import downloadable_artifact


class _QuerySerializer(serializers.Serializer[object]):
    offset = serializers.IntegerField(min_value=0, max_value=2**31 - 1, default=0)
    limit = serializers.IntegerField(min_value=1, max_value=kept_rows.MAX_LIMIT, default=100)
    sort = serializers.CharField(
        max_length=1_000,
        default="",
        allow_blank=True,
        trim_whitespace=False,
        help_text="A column, with - before it for descending order. Text is compared without case; NULLs come last.",
    )
    q = serializers.CharField(
        max_length=200,
        default="",
        allow_blank=True,
        trim_whitespace=False,
        help_text="Only rows in which a value contains this text, in upper or lower case.",
    )
    section = serializers.CharField(
        required=False, max_length=100, help_text="By default that of the result's files, or else the first."
    )


class RowsColumnSerializer(serializers.Serializer[object]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    type = serializers.CharField()


class RowsSerializer(serializers.Serializer[object]):
    """A page of rows."""

    columns = RowsColumnSerializer(many=True)
    rows = serializers.ListField(
        child=serializers.ListField(child=serializers.JSONField(allow_null=True)),
        help_text="Values as the json format writes them. Fewer than `limit` if they are very long.",
    )
    total = serializers.IntegerField(help_text="How many rows there are, or contain `q`.")
    truncated = serializers.BooleanField(help_text="Whether the result lacks rows.")


class JobRows(JobView):
    """The kept rows of a result: sorted, searched, page by page."""

    @extend_schema(
        operation_id="job_rows",
        parameters=[JOB_ID, _QuerySerializer],
        responses={
            200: RowsSerializer,
            **errors(400, 401, 403, 404, 429, 500, 503),
            409: NoResultSerializer,
            410: NoResultSerializer,
        },
    )
    def get(self, request: Request, job_id: str) -> HttpResponse:
        job = self.get_job(job_id)
        artifact = downloadable_artifact(job, self.user)
        kept_rows.check(artifact)
        query = _QuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        values = query.validated_data
        section = kept_rows.section_to_show(job, values.get("section"))
        wanted = kept_rows.Wanted(values["offset"], values["limit"], values["sort"], values["q"], section)
        page = kept_rows.read_page(job=job, actor=self.user, wanted=wanted, as_json=True)
        labels = kept_rows.column_labels(job, page, section)
        columns = [
            {"name": column.name, "label": label, "type": column.type}
            for column, label in zip(page.columns, labels, strict=True)
        ]
        head = {"columns": columns, "total": page.total, "truncated": bool(artifact.truncated)}
        # The rows are JSON already: parsing them would take longer than finding them, and round their numbers.
        body = f'{json.dumps(head, ensure_ascii=False)[:-1]}, "rows": {page.json}}}'
        return HttpResponse(body, content_type="application/json", headers={"Cache-Control": "private, no-store"})


class ConvertSerializer(StrictSerializer):
    format = serializers.CharField(max_length=20)
    section = serializers.CharField(
        required=False, max_length=100, help_text="For formats that have one section. By default that of the job."
    )


class JobConvert(JobView):
    """Render the kept rows in another format as a new job, which doesn't read the data source."""

    throttle_classes = [GenerateThrottle]

    @extend_schema(
        operation_id="job_convert",
        request=ConvertSerializer,
        parameters=[JOB_ID, LOCATION, RETRY_AFTER],
        responses={
            202: ConvertedSerializer,
            **errors(400, 401, 403, 404, 413, 415, 429, 503),
            409: NoResultSerializer,
            410: NoResultSerializer,
        },
    )
    def post(self, request: Request, job_id: str) -> Response:
        job = self.get_job(job_id)
        kept_rows.check(downloadable_artifact(job, self.user))
        body = ConvertSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        new_job = actions.convert(job=job, actor=self.user, **body.validated_data)
        return accepted(new_job, serializer=ConvertedSerializer)
