"""Deletes sessions and API keys that have ended, by the database's clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.contrib.sessions.models import Session
from django.db.models import Q, QuerySet
from django.db.models.functions import Now  # noqa: TID251 - milliseconds don't matter here
from rest_framework_simplejwt.settings import api_settings

from accounts.models import ApiKey, RefreshSession

#: Rows that one statement deletes.
_BATCH = 500
#: How long a key that has expired can be looked up, by those who wonder why a program is refused.
_KEPT_KEYS = timedelta(days=90)


def delete_page_sessions() -> Iterator[int]:
    """Delete sessions of pages. Yields how many, after each batch."""
    yield from _delete(Session.objects.filter(expire_date__lt=Now()))


def delete_api_sessions() -> Iterator[int]:
    """Delete sessions of the API. Yields how many, after each batch.

    A session is kept until its last access token has expired, too, which may be valid for longer than it can be
    refreshed.
    """
    yield from _delete(RefreshSession.objects.filter(expires_at__lt=Now() - api_settings.ACCESS_TOKEN_LIFETIME))


def delete_api_keys() -> Iterator[int]:
    """Delete keys that expired or were revoked long ago. Yields how many, after each batch."""
    long_ago = Now() - _KEPT_KEYS
    yield from _delete(ApiKey.objects.filter(Q(expires_at__lt=long_ago) | Q(revoked_at__lt=long_ago)))


def _delete(ended: QuerySet[Any]) -> Iterator[int]:
    while keys := list(ended.values_list("pk", flat=True)[:_BATCH]):
        yield ended.filter(pk__in=keys).delete()[0]
