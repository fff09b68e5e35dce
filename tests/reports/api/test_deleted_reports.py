"""A report that somebody else deletes between two statements of a call about it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory

from accounts.models import User
from reports.models import ReportConfiguration
from reports.querysets import ReportQuerySet
from reportserver.auth.tokens import sign_in
from tests.reports.definitions.sample_file import SAMPLE, apply_definitions

pytestmark = pytest.mark.django_db(databases="__all__")

KEY = "carrier-delays"
DEFINITION = SAMPLE["reports"][0]
CALLS = [
    ("GET", "", None),
    ("PUT", "", {**DEFINITION, "name": "Other"}),
    ("PATCH", "", {"name": "Other"}),
    ("DELETE", "", None),
    ("POST", "/validate", {"parameters": {"start": "2013-01-01"}}),
    ("POST", "/validate", {"definition": {**DEFINITION, "query": "select 1", "parameters": []}}),
    ("POST", "/generate", {"parameters": {"start": "2013-01-01"}}),
    ("POST", "/run", {"parameters": {"start": "2013-01-01"}}),
]
PAGES = [
    ("GET", ""),
    ("POST", ""),
    ("GET", "/edit"),
    ("POST", "/edit"),
    ("GET", "/template"),
    ("POST", "/template"),
    ("GET", "/delete"),
    ("POST", "/delete"),
    ("GET", "/versions"),
    ("POST", "/versions/1/restore"),
]


@pytest.fixture
def alice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> User:
    """An Administrator. A report is deleted as soon as it was found."""
    apply_definitions(tmp_path)
    find = ReportQuerySet.find

    def find_and_delete(self: ReportQuerySet, user: User, key: str) -> ReportConfiguration:
        found = find(self, user, key)
        ReportConfiguration.objects.get(pk=found.pk).delete()
        return found

    monkeypatch.setattr(ReportQuerySet, "find", find_and_delete)
    return User.objects.get(username="alice")


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_a_call_answers_404(alice: User, method: str, path: str, body: object) -> None:
    client = Client(headers={"Authorization": f"Bearer {sign_in(alice, RequestFactory().post('/'))['access']}"})
    answer: HttpResponse = client.generic(method, f"/api/v1/reports/{KEY}{path}", *_json(body))
    assert (answer.status_code, answer.json()["code"]) == (404, "report_not_found")


@pytest.mark.parametrize(("method", "path"), PAGES)
def test_a_page_answers_404(alice: User, method: str, path: str) -> None:
    client = Client()
    client.force_login(alice)
    answer: HttpResponse = client.generic(method, f"/reports/{KEY}{path}")
    assert answer.status_code == 404 and "No such report" in answer.content.decode()


def _json(body: object) -> tuple[str, str]:
    return ("" if body is None else json.dumps(body)), "application/json"
