"""The filters of the job list that users save under names."""

from __future__ import annotations

from django.http import QueryDict

from accounts.models import User
from jobs.exceptions import InvalidSavedView, TooManySavedViews
from jobs.models import SavedView

_MAX_VIEWS = 30
#: Characters; the columns' lengths, which SQLite doesn't check.
_MAX_NAME, _MAX_FILTERS = 60, 1000
#: Query parameters that select a page of the list and don't filter it.
_PAGING = ("cursor", "pageSize")


def saved_views(user: User) -> list[SavedView]:
    return list(SavedView.objects.filter(user=user)[:_MAX_VIEWS])


def save(*, actor: User, name: str, filters: str) -> SavedView:
    """Save the filters, a query string, replacing a view of that name.

    Raises InvalidSavedView or TooManySavedViews.
    """
    query = QueryDict(filters, mutable=True)
    for parameter in _PAGING:
        query.pop(parameter, None)
    name, filters = " ".join(name.replace("\0", "").split()), query.urlencode()
    if not 1 <= len(name) <= _MAX_NAME or not 1 <= len(filters) <= _MAX_FILTERS:
        raise InvalidSavedView
    if SavedView.objects.filter(user=actor).exclude(name=name).count() >= _MAX_VIEWS:
        raise TooManySavedViews
    return SavedView.objects.update_or_create(user=actor, name=name, defaults={"filters": filters})[0]


def delete(*, actor: User, name: str) -> None:
    SavedView.objects.filter(user=actor, name=name.replace("\0", "")).delete()
