"""Messages that the database carries to the workers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from jobs.models import JobExecutionLog
from jobs.queue import broker


def test_a_message_of_a_host_whose_clock_is_ahead_is_due_on_every_host(
    queued: Callable[[], JobExecutionLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now
    with monkeypatch.context() as clock:
        clock.setattr(timezone, "now", lambda: now() + timedelta(minutes=5))
        queued()
    assert broker.count_messages() == 1 and not broker.is_empty()


def test_messages_that_nobody_could_read_for_ten_minutes_are_deleted(queued: Callable[[], JobExecutionLog]) -> None:
    queued()
    broker.OrmQ.objects.update(lock=timezone.now() - timedelta(minutes=9))
    assert broker.delete_unread_messages() == 0
    broker.OrmQ.objects.update(lock=timezone.now() - timedelta(minutes=11))
    assert broker.delete_unread_messages() == 1
