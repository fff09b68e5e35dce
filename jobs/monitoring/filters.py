"""The filters of job lists: those of the API, the page with its counts and links, bulk actions and the admin."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

import django_filters
from django import forms
from django.conf import settings
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
from reports.models import ReportConfiguration

#: Up to this number, the ids that a scan found replace its conditions, so that other queries don't scan again.
_MAX_IDS = 200


class SearchField(forms.CharField):
    """The search bar; its value is a Search. `now` is what relative times count from."""

    now: datetime | None = None

    def clean(self, value: Any) -> Any:
        try:
            return parse(super().clean(value), self.now)
        except SearchError as error:
            raise ValidationError(error.messages) from error


class SearchFilter(django_filters.CharFilter):  # type: ignore[misc]
    field_class = SearchField


class JobFilter(django_filters.FilterSet):  # type: ignore[misc]
    """`status`, `report` (id or slug), `requestedBy` (user name), `since`/`until` (ISO 8601, until excluded), `q`.

    Conditions of a search that no index answers are tested on a limited number of jobs only: the newest that match all
    other conditions (a scan). How many is a setting, or `scan_limit`.
    """

    status = django_filters.ChoiceFilter(choices=Status.choices)
    report = django_filters.CharFilter(method="filter_report", label="Report")
    requestedBy = django_filters.CharFilter(method="filter_user", label="Requested by")
    since = UtcDateTimeFilter(field_name="queued_at", lookup_expr="gte")
    until = UtcDateTimeFilter(field_name="queued_at", lookup_expr="lt")
    q = SearchFilter(method="filter_search", label="Search")

    #: When the oldest scanned job was queued; None if no older jobs are left. Set with `qs`, like the next two.
    scanned_since: datetime | None = None
    #: True if an index counts the filtered jobs by status.
    is_counted_by_index = True
    #: The numbers of jobs by status, whatever the status filter, if they are known without counting.
    known_counts: Counter[str] | None = None
    _any_status: JobQuerySet

    class Meta:
        model = JobExecutionLog
        fields = ["status", "report", "requestedBy", "since", "until", "q"]

    def __init__(self, *args: Any, now: datetime | None = None, scan_limit: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._scan_limit = scan_limit or settings.SEARCH_SCAN_LIMIT
        self.form.fields["q"].now = now

    @property
    def any_status(self) -> JobQuerySet:
        """The filtered jobs without the status filter: those that the tabs count."""
        self.qs  # noqa: B018 - evaluates the filters
        return self._any_status

    def filter_queryset(self, queryset: JobQuerySet) -> JobQuerySet:
        values = self.form.cleaned_data
        for name in ("report", "requestedBy", "since", "until", "q"):
            queryset = self.filters[name].filter(queryset, values.get(name))
        # The status comes last: which jobs are scanned must not depend on it, or the tabs wouldn't add up.
        self._any_status = queryset
        queryset = self.filters["status"].filter(queryset, values.get("status"))
        search = values.get("q")
        return queryset.filter(status__in=search.status) if search and search.status else queryset

    def filter_report(self, jobs: JobQuerySet, name: str, value: str) -> JobQuerySet:
        return jobs.filter(_of_reports(jobs, [value]))

    def filter_user(self, jobs: JobQuerySet, name: str, value: str) -> JobQuerySet:
        return jobs.filter(_of_users(jobs, [value]))

    def filter_search(self, jobs: JobQuerySet, name: str, search: Search) -> JobQuerySet:
        """Apply the conditions that an index answers, then scan for the others."""
        jobs = _filter_by_index(jobs, search)
        if len(search.words) == 1 and (uuid := parse_uuid(search.words[0])):
            return jobs.filter(pk=uuid)
        scanned = _scanned_conditions(search)
        needs_scan = bool(scanned or search.parameters)
        self.is_counted_by_index = not (
            needs_scan or search.user or self.form.cleaned_data.get("requestedBy") or search.has_fingerprints
        )
        if not needs_scan:
            return jobs
        jobs = self._newest(jobs).filter(scanned)
        for number, (parameter, text) in enumerate(search.parameters):
            value = Cast(KeyTextTransform(parameter, "parameters"), TextField())
            jobs = jobs.alias(**{f"parameter_{number}": value}).filter(**{f"parameter_{number}": text})
        found = dict(jobs.order_by().values_list("pk", "status")[: _MAX_IDS + 1])
        if len(found) > _MAX_IDS:
            return jobs
        self.known_counts = Counter(found.values())
        return JobExecutionLog.objects.filter(pk__in=found)

    def _newest(self, jobs: JobQuerySet) -> JobQuerySet:
        """Narrow the jobs to the newest, and set `scanned_since`."""
        times = jobs.newest_first().values_list("queued_at", flat=True)
        last_and_next = list(times[self._scan_limit - 1 : self._scan_limit + 1])
        if len(last_and_next) < 2:
            return jobs
        # All jobs queued at that time are scanned: the next scan covers those queued before it.
        self.scanned_since = last_and_next[0]
        return jobs.filter(queued_at__gte=self.scanned_since)


def _filter_by_index(jobs: JobQuerySet, search: Search) -> JobQuerySet:
    if search.report:
        jobs = jobs.filter(_of_reports(jobs, search.report))
    if search.user:
        jobs = jobs.filter(_of_users(jobs, search.user))
    if search.has_fingerprints:
        jobs = jobs.with_fingerprints(search.error)
    if search.since:
        jobs = jobs.filter(queued_at__gte=search.since)
    return jobs.filter(queued_at__lt=search.until) if search.until else jobs


def _of_reports(jobs: JobQuerySet, values: Iterable[str]) -> Q:
    """Return the condition that a job's report has one of these slugs, names or ids.

    Values that no report has are looked up in the jobs' own copies: those of deleted reports, and those of renamed ones
    among the newest jobs.
    """
    uuids = {value: uuid for value in values if (uuid := parse_uuid(value))}
    is_named = Q(slug__in=values) | Q(current__name__in=values) | Q(pk__in=uuids.values())
    reports = list(ReportConfiguration.objects.filter(is_named).values_list("pk", "tenant_id", "slug", "current__name"))
    condition = jobs.of_reports({pk: tenant for pk, tenant, _, _ in reports})
    known = {text for pk, _, slug, name in reports for text in (str(pk), slug, name)}
    missing = [value for value in values if value not in known and value.lower() not in known]
    if not missing:
        return condition
    deleted = Q(report_slug__in=missing) | Q(report_uuid__in=[uuids[value] for value in missing if value in uuids])
    is_copy = Q(report_slug__in=missing) | Q(report_name__in=missing)
    return condition | (Q(report__isnull=True) & deleted) | (is_copy & _among_newest(jobs))


def _of_users(jobs: JobQuerySet, names: Iterable[str]) -> Q:
    """Return the condition that one of these users requested a job.

    Names that no user has are looked up in the jobs' own copies: those of deleted users and of management commands, and
    those of renamed users among the newest jobs.
    """
    users = dict(User.objects.filter(username__in=names).values_list("username", "pk"))
    user_id: Any = F("requested_by_id")
    if jobs.scope is not None and jobs.scope.is_small:
        # A sum is no column of an index. The user's own index would be slower here: the user may have requested very
        # many jobs, of which only a few are in the scope.
        user_id = ExpressionWrapper(F("requested_by_id") + 0, BigIntegerField())
    condition = Q(In(user_id, list(users.values()))) if users else Q(pk__in=())
    missing = [name for name in names if name not in users]
    if not missing:
        return condition
    is_copy = Q(requested_by_name__in=missing)
    return condition | (Q(requested_by__isnull=True) & is_copy) | (is_copy & _among_newest(jobs))


def _among_newest(jobs: JobQuerySet) -> Q:
    """Return the condition that a job is one of the newest of these: no index finds the copies of all."""
    return Q(pk__in=jobs.newest_first().values("pk")[: settings.SEARCH_SCAN_LIMIT])


def _scanned_conditions(search: Search) -> Q:
    """Return the conditions that no index answers, except those on parameters."""
    conditions = Q()
    # Only failed jobs have an error. With the status in the condition, the long texts of others aren't read.
    is_failed = Q(status=Status.FAILED)
    for word in search.words:
        # The names that the job shows are copies of those it ran under. A user is found by the present name, too.
        report = Q(report_name__icontains=word) | Q(report_slug__icontains=word)
        user = Q(requested_by__in=User.objects.filter(username__icontains=word).values("pk"))
        copied_user = Q(requested_by_name__icontains=word)
        has_error = is_failed & Q(error_message__icontains=word)
        conditions &= has_error | report | user | copied_user
    if search.error and not search.has_fingerprints:
        is_code = Q(error_code__in=search.error) | Q(error_fingerprint__in=search.error)
        conditions &= is_failed & reduce(or_, (Q(error_message__icontains=text) for text in search.error), is_code)
    if search.host:
        conditions &= Q(host__in=search.host)
    if search.format:
        further = [Q(more_formats__regex=rf"(^| ){re.escape(name)}( |$)") for name in search.format]
        conditions &= reduce(or_, further, Q(format__in=search.format))
    return conditions
