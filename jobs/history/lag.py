"""Whether archiving keeps up."""

from __future__ import annotations

from django.conf import settings

from audit.archive import moving
from jobs import deployment
from jobs.history import archiving

#: Archives are written each hour, and wait some hours for more jobs or entries.
LATE_SECONDS = 2 * 86_400.0


def lag_seconds() -> float:
    """For how long the oldest job or audit entry is too old for the database; 0 if none is, or nothing is archived."""
    if not settings.HISTORY_DAYS or deployment.is_suspended():
        return 0.0
    before = archiving.limit()
    found = (archiving.old_jobs(before).values_list("ended_at", flat=True).first(), moving.oldest())
    return max([0.0, *((before - at).total_seconds() for at in found if at)])
