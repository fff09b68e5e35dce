"""The views of the job list that people keep: each a name and the list's query string."""

from __future__ import annotations

from django.http import QueryDict

from accounts.models import User
from jobs.exceptions import InvalidSavedView, TooManySavedViews
from jobs.models import SavedView

_MOST = 30
#: What leads through the pages of a list, and is no filter.
_PLACE = {"cursor", "pageSize"}


def of(user: User) -> list[SavedView]:
    return list(SavedView.objects.filter(user=user)[:_MOST])


def save(*, actor: User, name: str, filters: str) -> SavedView:
    """Keep the filters under the name, in place of what the name stood for before."""
    kept = QueryDict(filters, mutable=True)
    for place in _PLACE & set(kept):
        del kept[place]
    name, text = " ".join(name.replace("\0", "").split()), kept.urlencode()
    if not 1 <= len(name) <= 60 or not 1 <= len(text) <= 1000:
        raise InvalidSavedView
    others = SavedView.objects.filter(user=actor).exclude(name=name)
    if others.count() >= _MOST:
        raise TooManySavedViews
    return SavedView.objects.update_or_create(user=actor, name=name, defaults={"filters": text})[0]


def forget(*, actor: User, name: str) -> None:
    SavedView.objects.filter(user=actor, name=name.replace("\0", "")).delete()
