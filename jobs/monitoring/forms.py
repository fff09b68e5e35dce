"""What a bulk action is about: the selected rows, or all jobs that match the filters the list was shown with."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import SuspiciousOperation
from django.http import QueryDict
from django.utils import timezone

from accounts.models import User
from common.ids import parse_uuid
from jobs.models import BulkAction

_ACTIONS = ("retry", "cancel")
_MOST_SELECTED = 200


def parse_bulk_request(data: QueryDict, user: User) -> BulkAction:
    """Read from the form, and not saved; what it names is checked against the rights when it is used."""
    action, everything = data.get("action", ""), data.get("scope") == "all"
    if action not in _ACTIONS:
        raise SuspiciousOperation("There is no such bulk action.")
    ids = [str(uuid) for text in data.getlist("job")[:_MOST_SELECTED] if (uuid := parse_uuid(text))]
    return BulkAction(
        user=user,
        action=action,
        ids=None if everything else ids,
        filters=data.get("filters", ""),
        queued_until=_moment(data.get("at", "")),
    )


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return timezone.now()
    return at if at.tzinfo else timezone.now()
