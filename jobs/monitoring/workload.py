"""The load of the installation: its workers, how long jobs wait, and the free disk space."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import Count, Max, Min, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from jobs.models import JobExecutionLog, WorkerHost
from jobs.querysets import JobQuerySet
from jobs.status import Status

#: Minutes that separate the age groups of queued jobs.
_AGE_LIMITS = (1, 10, 60)
#: Below this share of free space, the disk counts as almost full.
LOW_DISK_SHARE = 0.1


@dataclass(frozen=True)
class Workers:
    """The running hosts, each with `busy`, the number of jobs it runs; `last_seen` only if there are none."""

    hosts: list[Any]
    last_seen: datetime | None

    @property
    def slots(self) -> int:
        return sum(host.slots for host in self.hosts)


def workers() -> Workers:
    running = JobExecutionLog.objects.filter(status=Status.RUNNING, owner=OuterRef("instance")).order_by()
    busy = Coalesce(Subquery(running.values("owner").annotate(number=Count("pk")).values("number")), 0)
    hosts = list(WorkerHost.objects.alive().annotate(busy=busy))
    return Workers(hosts, None if hosts else WorkerHost.objects.aggregate(last=Max("seen_at"))["last"])


@dataclass(frozen=True)
class AgeGroup:
    """The queued jobs that have waited from `least` to `most` minutes; `most` is None for the oldest group."""

    least: int
    most: int | None
    count: int
    percent: float


def queue_by_age(jobs: JobQuerySet) -> list[AgeGroup]:
    """Group the queued jobs by age, the newest first; empty if none is queued."""
    now = timezone.now()
    waited = {
        f"over_{minutes}": Count("pk", filter=Q(queued_at__lte=now - timedelta(minutes=minutes)))
        for minutes in _AGE_LIMITS
    }
    counts = jobs.filter(status=Status.QUEUED).order_by().aggregate(over_0=Count("pk"), **waited)
    total = counts["over_0"]
    if not total:
        return []
    groups = []
    for least, most in zip((0, *_AGE_LIMITS), (*_AGE_LIMITS, None), strict=True):
        count = counts[f"over_{least}"] - (counts[f"over_{most}"] if most else 0)
        groups.append(AgeGroup(least, most, count, 100 * count / total))
    return groups


def oldest_queued_at(jobs: JobQuerySet) -> datetime | None:
    """Return when the oldest job that is due was queued; None if there is none."""
    oldest: datetime | None = jobs.due().order_by().aggregate(oldest=Min("queued_at"))["oldest"]
    return oldest


class DiskUsage(NamedTuple):
    """Bytes of the disk that holds the results."""

    free: int
    total: int

    @property
    def is_low(self) -> bool:
        return self.free < self.total * LOW_DISK_SHARE


def disk_usage() -> DiskUsage:
    usage = shutil.disk_usage(settings.DATA_DIR)
    return DiskUsage(usage.free, usage.total)
