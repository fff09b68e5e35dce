"""Pages have the language, time zone and number format of their reader."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import Tenant, User
from jobs.models import JobExecutionLog
from tests.pages.html import Page

pytestmark = pytest.mark.django_db(databases="__all__")

Browse = Callable[[str], Client]


def prefer(user: User, **fields: str) -> None:
    User.objects.filter(pk=user.pk).update(**fields)


@pytest.fixture
def job(make_job: Callable[..., JobExecutionLog]) -> JobExecutionLog:
    return make_job("Succeeded", queued_at=datetime(2024, 7, 1, 22, 30, tzinfo=UTC))


def test_a_time_is_in_the_users_zone_else_the_organizations_else_utc(
    job: JobExecutionLog, acme: Tenant, people: dict[str, User], browse: Browse
) -> None:
    assert "1 Jul 2024 22:30:00" in browse("bob").get("/jobs").content.decode()
    Tenant.objects.filter(pk=acme.pk).update(time_zone="Asia/Kathmandu")
    page = browse("bob").get("/jobs").content.decode()
    assert "2 Jul 2024 04:15:00" in page and "Time zone: Kathmandu" in page
    prefer(people["bob"], time_zone="America/New_York")
    page = browse("bob").get("/jobs").content.decode()
    assert "1 Jul 2024 18:30:00" in page and "Time zone: New York" in page


def test_times_that_are_entered_are_in_the_users_zone(
    job: JobExecutionLog, people: dict[str, User], browse: Browse
) -> None:
    prefer(people["bob"], time_zone="Europe/Berlin")
    bob = browse("bob")
    for query, is_found in (
        ("since=2024-07-02T00:30", True),
        ("since=2024-07-02T00:31", False),
        ("q=since:2024-07-02T00:30", True),
        ("q=since:2024-07-02T00:31", False),
        ("since=2024-07-01T22:30Z", True),
    ):
        assert (str(job.pk)[:8] in bob.get(f"/jobs?{query}").content.decode()) is is_found, query
    page = Page(bob.get("/jobs?since=2024-07-01T22:30Z").content.decode())
    assert page.field("Queued from")["value"] == "2024-07-02T00:30:00"


def test_numbers_and_dates_are_in_the_users_locale(
    job: JobExecutionLog, people: dict[str, User], browse: Browse
) -> None:
    prefer(people["bob"], locale="de-DE")
    page = browse("bob").get("/jobs").content.decode()
    assert "1. Juli 2024 22:30:00" in page and "1.500 rows" in page


def test_the_organizations_locale_counts_if_it_is_in_the_language_of_the_page(
    job: JobExecutionLog, acme: Tenant, people: dict[str, User], browse: Browse
) -> None:
    Tenant.objects.filter(pk=acme.pk).update(locale="en-US")
    assert "Jul 1, 2024" in browse("bob").get("/jobs").content.decode()
    Tenant.objects.filter(pk=acme.pk).update(locale="fr-FR")
    assert "1 Jul 2024" in browse("bob").get("/jobs").content.decode()


def test_the_api_knows_neither(job: JobExecutionLog, people: dict[str, User]) -> None:
    prefer(people["bob"], locale="de-DE", time_zone="Europe/Berlin")
    caller = APIClient(headers={"Accept-Language": "de"})
    caller.force_authenticate(people["bob"])
    answer = caller.get("/api/v1/jobs?since=2024-07-01T22:30&until=2024-07-01T22:31")
    assert [found["jobId"] for found in answer.json()["results"]] == [str(job.pk)]
    assert answer.json()["results"][0]["queuedTime"].startswith("2024-07-01T22:30:00")
