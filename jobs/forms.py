"""What a bulk action is about: the selected rows, or all jobs that match the filters the list was shown with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.core.exceptions import SuspiciousOperation
from django.http import QueryDict
from django.utils import timezone

from accounts.models import User
from jobs import bulk
from jobs.filters import JobFilter
from jobs.models import JobExecutionLog
from jobs.querysets import JobQuerySet
from reports.querysets import as_uuid

ACTIONS = {"retry": (bulk.retryable, bulk.retry), "cancel": (bulk.cancellable, bulk.cancel)}
_MOST_SELECTED = 200


@dataclass(frozen=True)
class Chosen:
    """Read from the form; what it names is checked against the rights when it is used."""

    action: str
    ids: list[UUID] | None
    filters: str
    at: datetime

    @classmethod
    def of(cls, data: QueryDict) -> Chosen:
        """From what was sent. `at`: jobs asked for after the list was confirmed are not meant."""
        action, everything = data.get("action", ""), data.get("scope") == "all"
        if action not in ACTIONS:
            raise SuspiciousOperation("There is no such bulk action.")
        ids = [uuid for text in data.getlist("job")[:_MOST_SELECTED] if (uuid := as_uuid(text))]
        return cls(action, None if everything else ids, data.get("filters", ""), _moment(data.get("at", "")))

    def jobs(self, user: User) -> JobQuerySet:
        """The jobs that are meant, of those that the user sees; none where the filters are not valid."""
        visible = JobExecutionLog.objects.visible_to(user)
        if self.ids is not None:
            return visible.filter(pk__in=self.ids)
        found = JobFilter(QueryDict(self.filters), queryset=visible)
        matching: JobQuerySet = found.qs.filter(queued_at__lte=self.at) if found.is_valid() else visible.none()
        return matching

    def ready(self, user: User) -> JobQuerySet:
        """Those of them that the action can do something to."""
        return ACTIONS[self.action][0](self.jobs(user), user)

    def act(self, user: User) -> bulk.Outcome:
        return ACTIONS[self.action][1](jobs=self.jobs(user), actor=user)


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return timezone.now()
    return at if at.tzinfo else timezone.now()
