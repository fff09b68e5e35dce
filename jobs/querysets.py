"""Queries over jobs: who sees which, which may be claimed, and the one compare-and-set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.cache import cache
from django.core.exceptions import EmptyResultSet
from django.db import connections, models
from django.db.models import Q

from common.compiled_sql import Param
from common.ids import parse_uuid, uuid_to_db
from jobs.clock import Now, from_now
from jobs.exceptions import JobNotFound
from reports.permissions import Right, granted_ids

if TYPE_CHECKING:
    from accounts.models import User
    from jobs.models import JobExecutionLog, WorkerHost  # noqa: F401 - in quotes below


# Written by hand, as those who wait ask it again and again: Django needs five times as long to put such a statement
# together as the database needs to answer it.
_JOB = "select * from jobs_jobexecutionlog where id = %s and (%s or tenant_id = %s)"
_SELECT, _COUNT = "select {}", "(select count(*) from ({}) found)"
#: The order in which jobs are claimed.
CLAIM_ORDER = ("priority", "turn", "available_at", "queued_at")
#: So many jobs are sorted in no time.
SMALL_SCOPE = 1000
#: For so long it is remembered whether a scope is small.
_IS_SMALL_SECONDS = 60
#: Seconds after its last report for which a jobserver counts as alive. It reports in every round of the reconciler.
ALIVE_SECONDS = 20


@dataclass(frozen=True)
class VisibleScope:
    """What the rights leave of all jobs: those of whole reports, and of others the own ones.

    `is_small`: so small that going through them is quicker than any index on what else is asked for.
    """

    user: User
    view: frozenset[UUID]
    generate: frozenset[UUID]
    is_small: bool = False

    @classmethod
    def of(cls, user: User) -> VisibleScope:
        """By the rights of now, for somebody who is no Administrator."""
        held = granted_ids(user)
        return cls(user, frozenset(held[Right.VIEW]), frozenset(held[Right.GENERATE] - held[Right.VIEW]))

    @property
    def condition(self) -> Q:
        """That a job is among them."""
        return Q(report_id__in=self.view) | Q(requested_by=self.user, report_id__in=self.generate)

    def within(self, reports: Iterable[UUID]) -> VisibleScope:
        """What is left of these reports alone."""
        return replace(self, view=self.view.intersection(reports), generate=self.generate.intersection(reports))


class JobQuerySet(models.QuerySet["JobExecutionLog"]):
    """Jobs."""

    #: Whether they are those that somebody sees, and which; None for all.
    scope: VisibleScope | None = None

    def _clone(self) -> JobQuerySet:
        made: JobQuerySet = super()._clone()  # type: ignore[misc]
        made.scope = self.scope
        return made

    def in_tenant_of(self, user: User) -> JobQuerySet:
        """The jobs that exist as far as this user can know."""
        return self.across_tenants() if user.is_superuser else self.filter(Q(tenant_id=user.tenant_id))

    def across_tenants(self) -> JobQuerySet:
        """Of all tenants. The condition always holds; it is that of the indexes for this case, word by word."""
        return self.filter(_condition("tenant_id", "NOT (%(expressions)s = 0)"))

    def visible_to(self, user: User) -> JobQuerySet:
        """Jobs of reports the user has the view right on, and the own jobs of those with the generate right."""
        if user.is_administrator:
            return self.in_tenant_of(user)
        scope = VisibleScope.of(user)
        # The granted reports imply the tenant. SQLite goes through all of the tenant's jobs when it is told of it, and
        # sorts those of the granted reports when not: right for many, and right for a few of them.
        # Only how they are found depends on it, so it may be a while old.
        is_small = bool(cache.get_or_set(f"jobs.is_small-{user.pk}", self._seen(scope)._is_small, _IS_SMALL_SECONDS))
        return (self if is_small else self.in_tenant_of(user))._seen(replace(scope, is_small=is_small))

    def _seen(self, scope: VisibleScope) -> JobQuerySet:
        found = self.filter(scope.condition)
        found.scope = scope
        return found

    def _is_small(self) -> bool:
        return self.order_by()[: SMALL_SCOPE + 1].count() <= SMALL_SCOPE

    def visible_parts(self, user: User) -> tuple[JobQuerySet, JobQuerySet | None]:
        """The same jobs in two parts: those that an index counts by status, and the own ones, which none does."""
        if user.is_administrator:
            return self.in_tenant_of(user), None
        scope, jobs = VisibleScope.of(user), self.in_tenant_of(user)
        nothing = frozenset[UUID]()
        return jobs._seen(replace(scope, generate=nothing)), jobs._seen(replace(scope, view=nothing))

    def of_reports(self, tenants: Mapping[UUID, int]) -> Q:
        """Condition: of these reports, each with its tenant. What is seen of jobs is said once more, for them alone.

        The database would read all jobs of a report to find the own ones, or none.
        """
        # The report implies the tenant, but only with it the index gives the newest first, which superusers don't name.
        of_tenants = Q(tenant_id__in=set(tenants.values()))
        return of_tenants & (self.scope.within(tenants).condition if self.scope else Q(report_id__in=list(tenants)))

    def with_fingerprints(self, fingerprints: Iterable[str]) -> JobQuerySet:
        """Jobs whose error has one of these fingerprints."""
        found = self.filter(error_fingerprint__in=fingerprints)
        if self.scope and self.scope.is_small:
            return found
        # The index's own condition, word by word. Without it, and where few are seen, the index is not used.
        return found.filter(_condition("error_fingerprint", "NOT (%(expressions)s = '')"))

    def newest_first(self) -> JobQuerySet:
        """The newest first."""
        return self.order_by("-queued_at", "-id")

    def counted_by_status(self, statuses: Iterable[str], most: int) -> dict[str, int]:
        """How many of them are in each of these statuses, up to `most`. One statement, which is put together once."""
        statuses = list(statuses)
        one = self.filter(status="").order_by().values("pk")[:most]
        try:
            sql, (*values, _) = one.query.sql_with_params()  # the status, asked for last, is the last value
        except EmptyResultSet:
            return dict.fromkeys(statuses, 0)
        counts = ", ".join([_COUNT.format(sql)] * len(statuses))
        with connections[self.db].cursor() as cursor:
            cursor.execute(_SELECT.format(counts), [value for status in statuses for value in (*values, status)])
            return dict(zip(statuses, cursor.fetchone(), strict=True))

    def find(self, user: User, job_id: str) -> JobExecutionLog:
        """The job of this id in the user's tenant; JobNotFound for anything else."""
        uuid = parse_uuid(job_id)
        for job in self.raw(_JOB, [uuid_to_db(uuid), user.is_superuser, user.tenant_id]) if uuid else []:
            return job
        raise JobNotFound(job_id)

    def with_result(self) -> JobQuerySet:
        """With what a job's status shows, in the same query."""
        return self.select_related("artifact")

    def with_result_and_retry(self) -> JobQuerySet:
        """With what the pages show besides: the job that a failed one was retried as."""
        return self.select_related("artifact", "retried_as")

    def for_list(self) -> JobQuerySet:
        """With what a list shows, and nothing else: half of a page's time went into values that no row has."""
        related = self.select_related("artifact", "retried_as", "tenant")
        return related.only(
            "status", "format", "report_name", "requested_by_name", "queued_at", "started_at", "ended_at", "percent",
            "rows", "error_code", "error_message", "cancel_requested_at", "fence", "priority", "turn",
            "concurrency_key", "available_at", "report_id", "requested_by_id", "tenant__name", "retried_as__id",
            "artifact__job_id", "artifact__size", "artifact__rows", "artifact__purged_at",
        )  # fmt: skip

    def unfinished(self) -> JobQuerySet:
        return self.filter(status__in=["Queued", "Running"])

    def due(self) -> JobQuerySet:
        """Queued jobs whose time has come."""
        return self.filter(status="Queued", available_at__lte=Now(), cancel_requested_at__isnull=True)

    def claimable(self, concurrency_key: UUID | models.OuterRef | None = None) -> JobQuerySet:
        """Queued jobs that may be claimed, the next one first: with this concurrency key, or with none."""
        return self.due().filter(concurrency_key=concurrency_key).order_by(*CLAIM_ORDER)

    def with_fence(self, job_id: UUID | Param, fence: int | Param, status: str = "Running") -> JobQuerySet:
        """The job, if it still has this status and fence: the condition of every move, and of all a worker writes."""
        return self.filter(pk=job_id, fence=fence, status=status)

    def owned_by(self, instance: str) -> JobQuerySet:
        """Running jobs whose workers belong to that jobserver."""
        return self.filter(status="Running", owner=instance)

    def lost(self) -> JobQuerySet:
        """Running jobs whose worker has not renewed its lease in time, or overran the deadline by a minute."""
        return self.filter(status="Running").filter(Q(lease_expires_at__lt=Now()) | Q(deadline_at__lt=from_now(-60)))

    def annotate_overdue(self) -> JobQuerySet:
        """With `is_overdue`: whether the deadline has passed."""
        overdue = models.Case(models.When(deadline_at__lt=Now(), then=True), default=False)
        return self.annotate(is_overdue=models.ExpressionWrapper(overdue, models.BooleanField()))


class WorkerHostQuerySet(models.QuerySet["WorkerHost"]):
    """Jobservers."""

    def alive(self) -> WorkerHostQuerySet:
        """Jobservers that reported within the last ALIVE_SECONDS."""
        return self.filter(seen_at__gte=from_now(-ALIVE_SECONDS))

    def total_slots(self) -> int:
        """How many jobs these hosts can run at once."""
        return int(self.aggregate(total=models.Sum("slots", default=0))["total"])


def _condition(field: str, template: str) -> models.ExpressionWrapper[Any]:
    """A condition in literal SQL: an index for some rows only is used where its own condition stands in the query."""
    return models.ExpressionWrapper(models.Func(models.F(field), template=template), models.BooleanField())
