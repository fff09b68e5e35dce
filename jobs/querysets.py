"""Queries for jobs: those that a user can see, those that can be claimed, and the workers that run them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

from django.apps import apps
from django.core.cache import cache
from django.core.exceptions import EmptyResultSet
from django.db import connections, models
from django.db.models import Q
from django.db.models.sql import Query

from common.compiled_sql import Param, Statement, fetch_models, params
from common.ids import parse_uuid, uuid_to_db
from jobs import sql
from jobs.clock import Now, from_now
from jobs.exceptions import JobNotFound
from jobs.status import UNFINISHED, Status
from reports.permissions import Right, granted, has_everywhere

if TYPE_CHECKING:
    from accounts.models import User
    from jobs.models import JobExecutionLog, WorkerHost  # noqa: F401 - in quotes below

#: The order in which jobs are claimed.
CLAIM_ORDER = ("priority", "turn", "available_at", "queued_at")
#: A scope of at most this many jobs is small: sorting all of them takes no noticeable time.
SMALL_SCOPE = 1000
#: How long `VisibleScope.is_small` is cached.
_IS_SMALL_SECONDS = 60
#: Jobs of a report and user among which one is looked for whose result can be used again.
_MOST_RECENT = 200
_ALIKE = ("parameters", "formats", "section", "locale", "ran_as_id", "caller_values")
_NO_REPORTS = frozenset[UUID]()


@dataclass(frozen=True)
class VisibleScope:
    """The jobs that a user who is no Administrator can see, by the rights at the time.

    All jobs of the reports in `view`, and the user's own jobs of the reports in `generate`; of those in `caller_bound`,
    jobs that depend on who runs them only if they ran as the user. `is_small` is true if reading the whole scope is
    faster than any index for the other conditions of a query.
    """

    user: User
    view: frozenset[UUID]
    generate: frozenset[UUID]
    caller_bound: frozenset[UUID] = frozenset()
    is_small: bool = False

    @classmethod
    def of(cls, user: User) -> VisibleScope:
        ids, caller_bound = granted(user)
        view, generate = frozenset(ids[Right.VIEW]), frozenset(ids[Right.GENERATE])
        return cls(user, view, generate - view, frozenset(caller_bound))

    @property
    def condition(self) -> Q:
        """The condition that a job is in this scope."""
        # Reports that depend on nobody are apart: the indexes have all that their condition tests.
        view, generate = self.view - self.caller_bound, self.generate - self.caller_bound
        condition = Q(report_id__in=view) | Q(requested_by=self.user, report_id__in=generate)
        if bound := (self.view | self.generate) & self.caller_bound:
            free = Q(report_id__in=bound & self.view) | Q(requested_by=self.user, report_id__in=bound & self.generate)
            condition |= (free & Q(caller_values__isnull=True)) | Q(report_id__in=bound, ran_as=self.user)
        return condition

    def within(self, reports: Iterable[UUID]) -> VisibleScope:
        """Return the scope narrowed to these reports."""
        return replace(self, view=self.view.intersection(reports), generate=self.generate.intersection(reports))


class JobQuerySet(models.QuerySet["JobExecutionLog"]):
    """Jobs."""

    #: The scope that `visible_to` narrowed these jobs to; None if it did not.
    scope: VisibleScope | None = None

    def _clone(self) -> JobQuerySet:
        clone: JobQuerySet = super()._clone()  # type: ignore[misc]
        clone.scope = self.scope
        return clone

    # --- Visibility ---

    def find(self, user: User, job_id: str) -> JobExecutionLog:
        """Return the job with this id in the user's tenant. Raise JobNotFound for anything else."""
        uuid = parse_uuid(job_id)
        parameters = [uuid_to_db(uuid), user.is_superuser, user.tenant_id]
        for job in fetch_models(self.model, sql.FIND_JOB, parameters) if uuid else []:
            return job  # type: ignore[no-any-return]
        raise JobNotFound(job_id)

    def load_result(self, job: JobExecutionLog) -> None:
        """Load the result of a job that `find` returned, as `with_result` does."""
        if job.status == Status.SUCCEEDED:
            for artifact in _RESULT.fetch(job=job.pk):
                job.artifact = artifact

    def in_tenant_of(self, user: User) -> JobQuerySet:
        """Jobs of the user's tenant; of all tenants for superusers."""
        return self.across_tenants() if user.is_superuser else self.filter(Q(tenant_id=user.tenant_id))

    def across_tenants(self) -> JobQuerySet:
        """Jobs of all tenants. Every job meets the condition, which selects the indexes made for this case."""
        return self.filter(sql.literal_condition("tenant_id", "NOT (%(expressions)s = 0)"))

    def visible_to(self, user: User) -> JobQuerySet:
        """Jobs of reports on which the user has the view right, and the user's own jobs of those with generate."""
        if has_everywhere(user, Right.VIEW):
            return self.in_tenant_of(user)._without_those_of_others(user)
        scope = VisibleScope.of(user)
        # The granted reports imply the tenant. With the tenant in the query, SQLite scans all of its jobs in index
        # order; without, it sorts the jobs of the granted reports. The first is faster for large scopes, the second for
        # small ones. Only the plan depends on it, not the result, so an outdated cache entry does no harm.
        newest = self._in_scope(scope).order_by()[: SMALL_SCOPE + 1]
        key = f"jobs.scope-is-small-{user.pk}"
        is_small = bool(cache.get_or_set(key, lambda: newest.count() <= SMALL_SCOPE, _IS_SMALL_SECONDS))
        return (self if is_small else self.in_tenant_of(user))._in_scope(replace(scope, is_small=is_small))

    def visible_parts(self, user: User) -> tuple[JobQuerySet, JobQuerySet | None]:
        """The jobs of `visible_to` in two parts: those that an index counts by status, and own jobs, which none counts.

        The second is None for those who can see all jobs.
        """
        if has_everywhere(user, Right.VIEW):
            return self.in_tenant_of(user)._without_those_of_others(user), None
        scope, jobs = VisibleScope.of(user), self.in_tenant_of(user)
        return (
            jobs._in_scope(replace(scope, generate=_NO_REPORTS)),
            jobs._in_scope(replace(scope, view=_NO_REPORTS)),
        )

    def of_reports(self, tenants: Mapping[UUID, int]) -> Q:
        """Return the condition that a job is of one of these reports, each given with its tenant.

        Repeats the visibility condition, narrowed to these reports. Without it, the database would read all jobs of a
        report to find the user's own.
        """
        # The report implies the tenant, but the index needs both to return the newest jobs first.
        in_tenants = Q(tenant_id__in=set(tenants.values()))
        return in_tenants & (self.scope.within(tenants).condition if self.scope else Q(report_id__in=list(tenants)))

    def _without_those_of_others(self, user: User) -> JobQuerySet:
        """Leave out what only Administrators can see of others, for a key that doesn't administer."""
        return self if user.is_administrator else self.filter(Q(caller_values__isnull=True) | Q(ran_as=user))

    def _in_scope(self, scope: VisibleScope) -> JobQuerySet:
        jobs = self.filter(scope.condition)
        jobs.scope = scope
        return jobs

    def recent_like(self, job: JobExecutionLog, max_age: int) -> JobExecutionLog | None:
        """The newest job with the result that this one would have, read at most that many seconds ago."""
        recent = self.filter(
            requested_by=job.requested_by,
            report=job.report,
            tenant=job.tenant_id,
            version=job.version,
            status=Status.SUCCEEDED,
            # A conversion shows rows that are older than itself.
            converted_from=None,
            started_at__gte=from_now(-max_age),
            artifact__purged_at=None,
        )
        # Compared here: databases disagree about the equality of JSON.
        for candidate in recent.newest_first().with_result()[:_MOST_RECENT]:
            if all(getattr(candidate, name) == getattr(job, name) for name in _ALIKE):
                return candidate
        return None

    # --- Lists ---

    def newest_first(self) -> JobQuerySet:
        return self.order_by("-queued_at", "-id")

    def unfinished(self) -> JobQuerySet:
        return self.filter(status__in=UNFINISHED)

    def with_fingerprints(self, fingerprints: Iterable[str]) -> JobQuerySet:
        """Jobs that failed with one of these error fingerprints."""
        jobs = self.filter(error_fingerprint__in=fingerprints)
        if self.scope and self.scope.is_small:
            return jobs  # Reading the scope is faster, so the index below must not be used.
        return jobs.filter(sql.literal_condition("error_fingerprint", "NOT (%(expressions)s = '')"))

    def with_result(self) -> JobQuerySet:
        """Load what a job's status shows."""
        return self.select_related("artifact")

    def with_result_and_retry(self) -> JobQuerySet:
        """Load what pages show in addition: the job that retried a failed one."""
        return self.select_related("artifact", "retried_as")

    def for_list(self) -> JobQuerySet:
        """Load what a list shows, and nothing else: half of a page's time went into columns that it doesn't show."""
        related = self.select_related("artifact", "retried_as", "tenant")
        return related.only(
            "status", "format", "more_formats", "report_name", "requested_by_name", "queued_at", "started_at",
            "ended_at", "percent", "rows", "delivery_state", "error_code", "error_message", "cancel_requested_at",
            "fence", "priority", "turn", "concurrency_key", "available_at", "report_id", "requested_by_id",
            "version_id", "parameters", "parameter_labels",
            "tenant__name", "retried_as__id", "artifact__job_id", "artifact__size", "artifact__more_files",
            "artifact__rows", "artifact__purged_at",
        )  # fmt: skip

    def counted_by_status(self, statuses: Iterable[str], limit: int) -> dict[str, int]:
        """Count the jobs in each of these statuses, up to `limit` each, in one statement that is built once."""
        statuses = list(statuses)
        counted = self.filter(status="").order_by().values("pk")[:limit]
        try:
            # The status was filtered by last, so its empty string is the last parameter.
            subquery, (*parameters, _) = counted.query.sql_with_params()
        except EmptyResultSet:
            return dict.fromkeys(statuses, 0)
        statement = sql.select_counts(subquery, len(statuses))
        with connections[self.db].cursor() as cursor:
            cursor.execute(statement, [value for status in statuses for value in (*parameters, status)])
            return dict(zip(statuses, cursor.fetchone(), strict=True))

    # --- Queue and workers ---

    def due(self) -> JobQuerySet:
        """Queued jobs that a worker may run now, except for limits on concurrency."""
        return self.filter(status=Status.QUEUED, available_at__lte=Now(), cancel_requested_at__isnull=True)

    def claimable(self, concurrency_key: UUID | models.OuterRef | None = None) -> JobQuerySet:
        """Due jobs with this concurrency key, or without any, in the order in which they are claimed."""
        return self.due().filter(concurrency_key=concurrency_key).order_by(*CLAIM_ORDER)

    def of_claim(
        self, *, id: UUID | Param, fence: int | Param, claim_token: str | Param, status: str = Status.RUNNING
    ) -> JobQuerySet:
        """The job, if it still is of this claim and in this status: the condition of all that workers write."""
        return self.filter(pk=id, fence=fence, claim_token=claim_token, status=status)

    def owned_by(self, instance: str) -> JobQuerySet:
        """Running jobs whose workers belong to that jobserver."""
        return self.filter(status=Status.RUNNING, owner=instance)

    def lost(self) -> JobQuerySet:
        """Running jobs whose lease expired, or that exceeded their deadline by a minute."""
        running = self.filter(status=Status.RUNNING)
        # A worker that is well ends the job at its deadline itself, and says more about it.
        return running.filter(Q(lease_expires_at__lt=Now()) | Q(deadline_at__lt=from_now(-60)))

    def annotate_overdue(self) -> JobQuerySet:
        """Add `is_overdue`: True if the worker was heard after the deadline.

        Otherwise it is unknown how long the attempt took: the worker may have been lost before, and the clock set.
        """
        overdue = models.Case(models.When(deadline_at__lt=models.F("heartbeat_at"), then=True), default=False)
        return self.annotate(is_overdue=models.ExpressionWrapper(overdue, models.BooleanField()))


def _result_query() -> Query:
    artifacts = apps.get_model("jobs", "Artifact")
    return artifacts._default_manager.filter(**params(artifacts, "job")).order_by().query


_RESULT = Statement(_result_query)
