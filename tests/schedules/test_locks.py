"""Transactions that lock schedules and jobs in different orders would wait for each other, as PostgreSQL locks rows."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from jobs.models import JobExecutionLog
from jobs.queue import scheduled_jobs
from reports import actions as reports
from schedules.models import Schedule
from tests.schedules.conftest import MakeSchedule, record

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time"),
]


def test_deleting_a_report_waits_for_a_scheduler_that_lets_its_jobs_start(make_schedule: MakeSchedule) -> None:
    schedule = make_schedule(cron="* * * * *", overlap="queue", due=timedelta(minutes=3))
    record(schedule)
    waiting = schedule.slots.get(waits=True).job_id
    locked, errors = threading.Event(), list[DatabaseError]()

    def release() -> None:
        try:
            with transaction.atomic():
                Schedule.objects.lock(schedule.pk)
                locked.set()
                # Long enough for the other transaction to have locked what it locks first.
                threading.Event().wait(1)
                scheduled_jobs.release_waiting([waiting])
        except DatabaseError as error:
            errors.append(error)
        finally:
            connection.close()

    scheduler = threading.Thread(target=release)
    scheduler.start()
    assert locked.wait(10)
    reports.delete_report(report=schedule.report, actor="operator:tester")  # type: ignore[arg-type]
    scheduler.join()
    assert errors == []
    schedule.refresh_from_db()
    assert schedule.paused and JobExecutionLog.objects.filter(pk=waiting).exists()
