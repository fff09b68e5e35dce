"""The readiness probe. With real servers: tests/jobs/execution/test_hosts.py."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from jobs.models import WorkerHost

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.mark.parametrize(
    ("round_seconds", "silent_seconds", "status"),
    [(5, 15, 200), (5, 25, 503), (1, 15, 200), (60, 65, 200), (60, 300, 503)],
)
def test_a_host_that_reports_in_every_round_is_alive(
    client: Client, settings: Any, round_seconds: int, silent_seconds: int, status: int
) -> None:
    settings.RECONCILE_SECONDS = round_seconds
    seen_at = timezone.now() - timedelta(seconds=silent_seconds)
    WorkerHost.objects.create(instance="i", host="h", pid=1, slots=2, started_at=seen_at, seen_at=seen_at)
    assert client.get("/readyz").status_code == status
