"""The preferences of a poll, and how soon to poll again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import RequestFactory
from django.utils import timezone
from rest_framework.request import Request

from jobs.api.polling import retry_after, wait_preference
from jobs.models import JobExecutionLog


@pytest.mark.parametrize(
    ("prefer", "expected"),
    [
        ("wait=10", 10),
        ("respond-async, wait=10", 10),
        ("wait = 10; foo=bar", 10),
        ('WAIT="10"', 10),
        ("wait=9999", 25),
        ("wait=0", 0),
        ("", None),
        ("wait", None),
        ("wait=-1", None),
        ("await=10", None),
        ("wait=1234567", None),
    ],
)
def test_the_preferred_wait_is_parsed_and_bounded(prefer: str, expected: int | None) -> None:
    request = Request(RequestFactory().get("/", headers={"Prefer": prefer}))
    assert wait_preference(request) == expected


@pytest.mark.parametrize(("age", "seconds"), [(0, 1), (9, 1), (11, 2), (59, 2), (61, 5), (9999, 5)])
def test_an_older_job_is_polled_less_often(age: int, seconds: int) -> None:
    assert retry_after(JobExecutionLog(queued_at=timezone.now() - timedelta(seconds=age))) == seconds
