"""Numbers of jobs by status.

An index counts jobs by status unless the filters or the user's rights need columns that it doesn't have. Where they
do, the newest jobs are scanned instead, so that counting stays cheap however long the history is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q
from django.utils import timezone
from django.utils.translation import gettext

from common.templatetags.format import capped
from jobs.querysets import JobQuerySet
from jobs.status import ENDED, UNFINISHED, Status

#: Counting stops here: nobody reads on, and counting all of a long history takes seconds.
COUNT_LIMIT = 10_000
#: The number of the newest jobs that are scanned where no index counts.
SCAN_LIMIT = 500


@dataclass(frozen=True)
class StatusCount:
    """The number of jobs in a status; COUNT_LIMIT + 1 means more. `is_partial`: older jobs weren't counted."""

    status: str
    count: int
    is_partial: bool = False

    @property
    def icon(self) -> str:
        return self.status.lower()

    @property
    def label(self) -> str:
        return gettext(self.status)

    @property
    def text(self) -> str:
        more = "+" if self.is_partial and self.count <= COUNT_LIMIT else ""
        return f"{capped(self.count, COUNT_LIMIT)}{more}"


def count_by_status(indexed: JobQuerySet | None, scanned: JobQuerySet | None = None) -> list[StatusCount]:
    """Count jobs given in two parts: those that an index counts, and those that must be scanned."""
    counts, is_partial = _scan(scanned)
    if indexed is not None:
        counts += Counter(indexed.counted_by_status(Status.values, COUNT_LIMIT + 1))
    return status_counts(counts, is_partial)


def count_today(indexed: JobQuerySet, scanned: JobQuerySet | None) -> list[StatusCount]:
    """Count unfinished jobs, and those queued in the last 24 hours that ended; parts as for `count_by_status`."""
    since = timezone.now() - timedelta(days=1)
    counts, is_partial = _scan(scanned, ended_since=since)
    counts += Counter(indexed.counted_by_status(UNFINISHED, COUNT_LIMIT + 1))
    counts += Counter(indexed.filter(queued_at__gte=since).counted_by_status(ENDED, COUNT_LIMIT + 1))
    return status_counts(counts, is_partial)


def status_counts(counts: Mapping[str, int], is_partial: bool = False) -> list[StatusCount]:
    # Unfinished jobs are among the newest, so their number is complete even after a partial scan.
    return [StatusCount(status, counts.get(status, 0), is_partial and status in ENDED) for status in Status.values]


def failed_percent(counts: Iterable[StatusCount]) -> int | None:
    """Return the share of failed jobs among those that ended; None if none ended, or too many to count."""
    ended = {item.status: item.count for item in counts if item.status in ENDED}
    if not any(ended.values()) or max(ended.values()) > COUNT_LIMIT:
        return None
    return round(100 * ended[Status.FAILED] / sum(ended.values()))


def _scan(jobs: JobQuerySet | None, ended_since: datetime | None = None) -> tuple[Counter[str], bool]:
    """Count the newest SCAN_LIMIT jobs; True if older ones would count too.

    Ended jobs count only if they were queued since `ended_since`.
    """
    if jobs is None:
        return Counter(), False
    is_recent = Q(queued_at__gte=ended_since) if ended_since else Q()
    counts = {
        status: Count("pk", filter=Q(status=status) & (is_recent if status in ENDED else Q()))
        for status in Status.values
    }
    newest = jobs.newest_first()[:SCAN_LIMIT]
    result = newest.aggregate(scanned=Count("pk"), oldest=Min("queued_at"), **counts)
    scanned, oldest = result.pop("scanned"), result.pop("oldest")
    return Counter(result), scanned >= SCAN_LIMIT and (ended_since is None or oldest >= ended_since)
