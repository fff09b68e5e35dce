"""The one filter over jobs: for the API's list, the page, its tab counts, its links and what is done in bulk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import BigIntegerField, ExpressionWrapper, F, Q, TextField
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast
from django.db.models.lookups import In

from accounts.models import User
from common.api.filters import UtcDateTimeFilter
from common.ids import parse_uuid
from jobs.models import JobExecutionLog
from jobs.monitoring.search import Search, SearchError, parse
from jobs.querysets import JobQuerySet
from jobs.status import Status
from reports.models import ReportConfiguration, ReportVersion

#: What no index answers is looked for in so many of the newest jobs that match the rest.
SEARCHED = 1_000
#: And in so many before them with each request of a page that goes on searching.
SEARCHED_FURTHER = 5_000
#: So few that were found are kept by their ids, so that the page's other questions don't look through all again.
_KEPT = 200


class SearchField(forms.CharField):
    """The search bar; its value is a Search. `now` is what “24 hours ago” is counted from."""

    now: datetime | None = None

    def clean(self, value: Any) -> Any:
        try:
            return parse(super().clean(value), self.now)
        except SearchError as error:
            raise ValidationError(error.sentences) from error


class SearchFilter(django_filters.CharFilter):  # type: ignore[misc]
    field_class = SearchField


class JobFilter(django_filters.FilterSet):  # type: ignore[misc]
    """`status`, `report` (id or slug), `requestedBy` (user name), `since`/`until` (ISO 8601, until excluded), `q`."""

    status = django_filters.ChoiceFilter(choices=Status.choices)
    report = django_filters.CharFilter(method="of_report", label="Report")
    requestedBy = django_filters.CharFilter(method="of_person", label="Requested by")
    since = UtcDateTimeFilter(field_name="queued_at", lookup_expr="gte")
    until = UtcDateTimeFilter(field_name="queued_at", lookup_expr="lt")
    q = SearchFilter(method="search", label="Search")

    #: The oldest moment that was looked at for what no index answers; None when everything was looked at.
    searched_since: datetime | None = None
    #: Whether an index counts by status what was asked for.
    is_counted = True
    #: How many jobs there are whatever their status, where that is known without counting.
    by_status: Counter[str] | None = None
    _any_status: JobQuerySet

    class Meta:
        model = JobExecutionLog
        fields = ["status", "report", "requestedBy", "since", "until", "q"]

    def __init__(self, *args: Any, now: datetime | None = None, searched: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._searched = searched or SEARCHED
        self.form.fields["q"].now = now

    @property
    def any_status(self) -> JobQuerySet:
        """The same jobs whatever their status: what the tabs count."""
        self.qs  # noqa: B018 - makes it
        return self._any_status

    def filter_queryset(self, queryset: JobQuerySet) -> JobQuerySet:
        """The status last: how far back is searched must not depend on it, or the tabs would not add up."""
        given = self.form.cleaned_data
        for name in ("report", "requestedBy", "since", "until", "q"):
            queryset = self.filters[name].filter(queryset, given.get(name))
        self._any_status = queryset
        wanted: JobQuerySet = self.filters["status"].filter(queryset, given.get("status"))
        search = given.get("q")
        return wanted.filter(status__in=search.status) if search and search.status else wanted

    def of_report(self, jobs: JobQuerySet, name: str, value: str) -> JobQuerySet:
        """Jobs of one report, also of one that was deleted since."""
        return jobs.filter(_of_reports(jobs, [value]))

    def of_person(self, jobs: JobQuerySet, name: str, value: str) -> JobQuerySet:
        return jobs.filter(_of_people(jobs, [value]))

    def search(self, jobs: JobQuerySet, name: str, value: Search) -> JobQuerySet:
        """First what an index answers; then the rest, among the newest of what is left."""
        jobs = _indexed(jobs, value)
        if len(value.words) == 1 and (uuid := parse_uuid(value.words[0])):
            return jobs.filter(pk=uuid)
        scan = _scanned(value)
        self.is_counted = not (
            scan
            or value.parameters
            or value.user
            or self.form.cleaned_data.get("requestedBy")
            or value.has_fingerprints
        )
        if not (scan or value.parameters):
            return jobs
        jobs = self._newest(jobs).filter(scan)
        for number, (parameter, text) in enumerate(value.parameters):
            jobs = jobs.alias(**{f"given_{number}": _parameter(parameter)}).filter(**{f"given_{number}": text})
        found = dict(jobs.order_by().values_list("pk", "status")[: _KEPT + 1])
        if len(found) > _KEPT:
            return jobs
        self.by_status = Counter(found.values())
        return JobExecutionLog.objects.filter(pk__in=found)

    def _newest(self, jobs: JobQuerySet) -> JobQuerySet:
        """All of the last moment too: what is searched next is what was queued before it."""
        moments = jobs.newest_first().values_list("queued_at", flat=True)
        last_and_next = list(moments[self._searched - 1 : self._searched + 1])
        self.searched_since = last_and_next[0] if len(last_and_next) == 2 else None
        return jobs.filter(queued_at__gte=self.searched_since) if self.searched_since else jobs


def _indexed(jobs: JobQuerySet, search: Search) -> JobQuerySet:
    if search.report:
        jobs = jobs.filter(_of_reports(jobs, search.report))
    if search.user:
        jobs = jobs.filter(_of_people(jobs, search.user))
    if search.has_fingerprints:
        jobs = jobs.with_fingerprints(search.error)
    if search.since:
        jobs = jobs.filter(queued_at__gte=search.since)
    return jobs.filter(queued_at__lt=search.until) if search.until else jobs


def _of_reports(jobs: JobQuerySet, values: Iterable[str]) -> Q:
    """By slug, name or id; what no report has is looked for among the jobs of deleted ones."""
    uuids = {value: uuid for value in values if (uuid := parse_uuid(value))}
    named = Q(slug__in=values) | Q(current__name__in=values) | Q(pk__in=uuids.values())
    columns = ("pk", "tenant_id", "slug", "current__name")
    found = list(ReportConfiguration.objects.filter(named).values_list(*columns))
    known = {text for pk, _, *texts in found for text in (str(pk), *texts)}
    missing = [value for value in values if value not in known and value.lower() not in known]
    gone = Q(report_slug__in=missing) | Q(report_uuid__in=[uuids[value] for value in missing if value in uuids])
    of_known = jobs.of_reports({pk: tenant for pk, tenant, *_ in found})
    return of_known | (Q(report__isnull=True) & gone) if missing else of_known


def _of_people(jobs: JobQuerySet, names: Iterable[str]) -> Q:
    """By user name; a name that no user has is looked for among the jobs of deleted users and of commands."""
    found = dict(User.objects.filter(username__in=names).values_list("username", "pk"))
    missing = [name for name in names if name not in found]
    # As a sum it is no column of an index: the person may have asked for very many jobs, of which few are meant.
    few = jobs.scope is not None and jobs.scope.is_small
    person = ExpressionWrapper(F("requested_by_id") + 0, BigIntegerField()) if few else F("requested_by_id")
    of_known = Q(In(person, list(found.values()))) if found else Q(pk__in=())
    return of_known | Q(requested_by__isnull=True, requested_by_name__in=missing) if missing else of_known


def _scanned(search: Search) -> Q:
    """The conditions that no index answers. Only failed jobs have an error: it is not read of the others."""
    found = Q()
    for word in search.words:
        found &= (Q(status=Status.FAILED) & Q(error_message__icontains=word)) | _named(word)
    if search.error and not search.has_fingerprints:
        either = Q(error_code__in=search.error) | Q(error_fingerprint__in=search.error)
        texts = reduce(or_, (Q(error_message__icontains=text) for text in search.error), either)
        found &= Q(status=Status.FAILED) & texts
    if search.host:
        found &= Q(host__in=search.host)
    return found & Q(format__in=search.format) if search.format else found


def _named(word: str) -> Q:
    """Jobs of a report that had this in its name then, or of a person; of deleted ones by the names that jobs keep."""
    versions = ReportVersion.objects.filter(Q(name__icontains=word) | Q(report__slug__icontains=word))
    reports = Q(report__in=versions.values("report")) | Q(report__isnull=True)
    people = Q(requested_by__in=User.objects.filter(username__icontains=word).values("pk"))
    gone = Q(requested_by__isnull=True) & Q(requested_by_name__icontains=word)
    return reports & (Q(report_name__icontains=word) | Q(report_slug__icontains=word)) | people | gone


def _parameter(name: str) -> Cast:
    return Cast(KeyTextTransform(name, "parameters"), TextField())
