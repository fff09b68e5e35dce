"""Callers with keys, over the people and reports of the tests of pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from reportserver.identity.api_keys import DEFAULT_RIGHTS, KeyRequest, create_key

MakeKey = Callable[..., str]


@pytest.fixture
def make_key(people: dict[str, User]) -> MakeKey:
    """Return a function that creates a key and returns its text."""

    def make(
        name: str, rights: Sequence[str] = DEFAULT_RIGHTS, reports: Sequence[str] | None = None, title: str = "nightly"
    ) -> str:
        expires_at = timezone.now() + timedelta(days=30)
        user = User.objects.get(username=name)
        return create_key(KeyRequest(user, title, expires_at, rights, reports), actor=user)[1]

    return make


def with_key(text: str) -> APIClient:
    """A client that calls the API with this key."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    return client
