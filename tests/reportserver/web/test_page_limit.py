"""Pages have a limit per user and minute, like the calls of the API."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from audit.models import AuditLog
from tests.pages.conftest import acme, browse, globex, people

__all__ = ["acme", "browse", "globex", "people"]
LIMIT = 3


@pytest.fixture(autouse=True)
def limit(settings: Settings) -> None:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "page": LIMIT}


def test_a_user_who_requests_too_many_pages_is_told_to_wait(
    people: dict[str, User], browse: Callable[[str], Client]
) -> None:
    alice = browse("alice")
    answers = [alice.get("/audit/export.ndjson") for _ in range(LIMIT + 2)]
    assert [answer.status_code for answer in answers] == [200] * LIMIT + [429] * 2
    assert AuditLog.objects.filter(action="Audit Export").count() == LIMIT
    refused = answers[-1]
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert refused["RateLimit-Policy"] == f'"page";q={LIMIT};w=60'
    assert "Too many requests. Try again in a minute." in refused.content.decode()
    assert refused["Cache-Control"] == "private, no-store"
    assert alice.get("/admin/").status_code == 429
    assert browse("bob").get("/reports").status_code == 200, "each user has an own limit"


def test_visitors_and_probes_are_not_counted(client: Client, db: None) -> None:
    for _ in range(LIMIT + 2):
        assert client.get("/login").status_code == 200
        assert client.get("/livez").status_code == 200
