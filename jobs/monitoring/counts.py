"""What the monitor's pages show beside the jobs themselves: counts, the queue, the hosts, and what changed."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import User
from jobs.models import JobExecutionLog, WorkerHost
from jobs.querysets import JobQuerySet
from jobs.status import ENDED, UNFINISHED, Status

#: Counting stops here: nobody reads on, and a count over all of a long history takes seconds.
MOST_COUNTED = 10_000
#: Of jobs that no index counts, the newest that are looked at.
MOST_LOOKED_AT = 500
#: Minutes between which the queue's jobs are counted.
_AGES = (0, 1, 10, 60)


@dataclass(frozen=True)
class Tab:
    """One status with the number of its jobs, or `more` than that number."""

    status: str
    counted: int
    more: bool = False

    @property
    def icon(self) -> str:
        return self.status.lower()

    @property
    def label(self) -> str:
        return self.status

    @property
    def count(self) -> str:
        return shown_count(self.counted, self.more)


def shown_count(counted: int, more: bool = False) -> str:
    return f"{MOST_COUNTED:,}+" if counted > MOST_COUNTED else f"{counted:,}{'+' if more else ''}"


def tabs(
    counted: JobQuerySet | None, statuses: Iterable[str] = Status.values, looked_at: JobQuerySet | None = None
) -> list[Tab]:
    """The jobs by status: those that an index counts, and those that must be looked at, of which the newest."""
    seen, more = _looked_at(looked_at)
    counts = seen + _counted(counted, statuses)
    return _tabs(counts, statuses, more)


def tabs_of(counts: Mapping[str, int]) -> list[Tab]:
    """The jobs by status, where it is known how many there are."""
    return _tabs(counts, Status.values, more=False)


def todays_tabs(counted: JobQuerySet, looked_at: JobQuerySet | None) -> list[Tab]:
    """The unfinished jobs, and those of the last 24 hours that ended, by status."""
    begin = timezone.now() - timedelta(days=1)
    seen, more = _looked_at(looked_at, begin)
    counts = seen + _counted(counted, UNFINISHED) + _counted(counted.filter(queued_at__gte=begin), ENDED)
    return _tabs(counts, Status.values, more)


def failed_percent(tabs: Iterable[Tab]) -> int | None:
    """Of the jobs that ended; None when none did, and when there are too many to count."""
    counts = {tab.status: tab.counted for tab in tabs if tab.status in ENDED}
    total = sum(counts.values())
    return round(100 * counts[Status.FAILED] / total) if total and max(counts.values()) <= MOST_COUNTED else None


def _tabs(counts: Mapping[str, int], statuses: Iterable[str], more: bool) -> list[Tab]:
    return [Tab(status, counts.get(status, 0), more and status in ENDED) for status in statuses]


def _looked_at(jobs: JobQuerySet | None, begin: datetime | None = None) -> tuple[Counter[str], bool]:
    """Of the newest jobs, how many are in each status, and whether there are more. Ended ones count from `begin` on."""
    if jobs is None:
        return Counter(), False
    late = Q(queued_at__gte=begin) if begin else Q()
    counts = {
        status: Count("pk", filter=Q(status=status) & (late if status in ENDED else Q())) for status in Status.values
    }
    newest = jobs.newest_first()[:MOST_LOOKED_AT]
    found = newest.aggregate(looked_at=Count("pk"), since=Min("queued_at"), **counts)
    total, since = found.pop("looked_at"), found.pop("since")
    return Counter(found), total >= MOST_LOOKED_AT and (begin is None or since >= begin)


def _counted(jobs: JobQuerySet | None, statuses: Iterable[str]) -> Counter[str]:
    return Counter() if jobs is None else Counter(jobs.counted_by_status(statuses, MOST_COUNTED + 1))


@dataclass(frozen=True)
class Workers:
    """The hosts that work now; `last_seen` is of the last one when there is none."""

    #: With `busy`: how many jobs each runs now.
    alive: list[Any]
    last_seen: datetime | None

    @property
    def slots(self) -> int:
        return sum(host.slots for host in self.alive)


def workers() -> Workers:
    running = JobExecutionLog.objects.filter(status=Status.RUNNING, owner=OuterRef("instance")).order_by()
    busy = Coalesce(Subquery(running.values("owner").annotate(number=Count("pk")).values("number")), 0)
    alive = list(WorkerHost.objects.alive().annotate(busy=busy))
    return Workers(alive, None if alive else WorkerHost.objects.aggregate(last=Max("seen_at"))["last"])


@dataclass(frozen=True)
class Age:
    """So many jobs have waited between so many minutes; `most` is None for the oldest."""

    least: int
    most: int | None
    count: int
    share: float


def queue_by_age(jobs: JobQuerySet) -> list[Age]:
    """The queued jobs, the newest first; empty when none waits."""
    now = timezone.now()
    # How many have waited that long at least; what lies between two of them is the difference.
    counts = {
        f"over_{least}": Count("pk", filter=Q(queued_at__lte=now - timedelta(minutes=least))) for least in _AGES[1:]
    }
    counted = jobs.filter(status=Status.QUEUED).order_by().aggregate(over_0=Count("pk"), **counts)
    total, ends = counted["over_0"], [*_AGES[1:], None]
    found = []
    for least, most in zip(_AGES, ends, strict=True):
        number = counted[f"over_{least}"] - (counted[f"over_{most}"] if most else 0)
        found.append(Age(least, most, number, 100 * number / (total or 1)))
    return found if total else []


def oldest_waiting(jobs: JobQuerySet) -> datetime | None:
    """Since when the job waits that has waited longest."""
    oldest: datetime | None = jobs.due().order_by().aggregate(oldest=Min("queued_at"))["oldest"]
    return oldest


def run_seconds(job: JobExecutionLog) -> float | None:
    """How long the last attempt took, or takes so far; None before the first and while waiting for the next."""
    if job.started_at is None or job.status == Status.QUEUED:
        return None
    return ((job.ended_at or timezone.now()) - job.started_at) / timedelta(seconds=1)


def shown_parameters(job: JobExecutionLog) -> list[tuple[str, object]]:
    """Title and value, also of what was not given; by name where the version is gone."""
    declared = job.version.declared_parameters() if job.version else []
    titles = {parameter.name: parameter.title for parameter in declared}
    names = [*titles, *(name for name in job.parameters if name not in titles)]
    return [(titles.get(name, name), job.parameters.get(name)) for name in names]


def search_words(user: User, reports: Iterable[tuple[str, str]]) -> list[str]:
    """What the search bar completes."""
    words = [f"report:{slug}" for slug, _ in reports] + [f"status:{status.lower()}" for status in Status.values]
    if user.is_administrator:
        people = User.objects.all() if user.is_superuser else User.objects.filter(tenant=user.tenant)
        words += [f"user:{name}" for name in people.order_by("username").values_list("username", flat=True)[:100]]
    return [*words, "since:1h", "since:24h", "since:7d", "error:", "host:", "param."]


def digest(*shown: object) -> str:
    """Short enough for a header; differs when anything shown differs."""
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]


def state(job: JobExecutionLog) -> tuple[object, ...]:
    """What of a job can change on a page. The seconds of a running one count, so that its clock goes on."""
    seconds = int(run_seconds(job) or 0) if job.status == Status.RUNNING else 0
    again = job.retry_job
    kept = job.result is not None
    position = job.queue_position and job.queue_position.position
    return (
        job.pk,
        position,
        job.status,
        job.fence,
        job.percent,
        job.rows,
        job.cancel_requested_at,
        seconds,
        again,
        kept,
    )
