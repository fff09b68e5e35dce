"""Rows that are added without Django's own INSERT are those that it would have added."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Model

from common.compiled_sql import insert
from jobs.clock import Now, from_now
from jobs.models import JobEvent, JobExecutionLog

AT = datetime(2026, 2, 28, 23, 59, 59, 123456, UTC)


def columns(row: Model) -> dict[str, object]:
    """What the database has of the row, without what is different in each."""
    apart = {"id", "queued_at", "available_at", "notified_at", "turn"}
    stored = type(row)._base_manager.filter(pk=row.pk).values().get()
    return {name: value for name, value in stored.items() if name not in apart}


def test_a_job_is_stored_as_django_stores_it(claimed: JobExecutionLog) -> None:
    twin = JobExecutionLog.objects.get(pk=claimed.pk)
    twin.parameters, twin.idempotency_key = {"who": "Ärzte 100 % %s", "when": None}, "k1"
    twin.pk = JobExecutionLog._meta.pk.get_default()
    insert(twin)
    first = columns(twin)
    JobExecutionLog.objects.filter(pk=twin.pk).delete()
    twin.pk = JobExecutionLog._meta.pk.get_default()
    twin.save(force_insert=True)
    assert first == columns(twin)


def test_each_row_has_its_own_values_and_expressions(claimed: JobExecutionLog) -> None:
    for at, kind in ((AT, "queued"), (Now(), "claimed"), (AT, "failed")):
        insert(JobEvent(job=claimed, at=at, kind=kind, attempt=1, fence=2, details={"n": kind}))
    *_, first, second, third = claimed.events.all()
    assert [event.kind for event in (first, second, third)] == ["queued", "claimed", "failed"]
    assert [event.details["n"] for event in (first, second, third)] == ["queued", "claimed", "failed"]
    assert first.at == third.at == AT < second.at
    assert first.pk < second.pk < third.pk


def test_a_key_that_is_given_is_another_statement(claimed: JobExecutionLog) -> None:
    for key in (None, 4711, None):
        insert(JobEvent(pk=key, job=claimed, at=AT, kind="failed", attempt=1, fence=2))
    assert claimed.events.filter(kind="failed").count() == 3
    assert claimed.events.filter(pk=4711).exists()


def test_an_expression_with_parameters_is_refused(claimed: JobExecutionLog) -> None:
    with pytest.raises(ValueError, match="has parameters"):
        insert(JobEvent(job=claimed, at=from_now(5), kind="failed", attempt=1, fence=2))


def test_constraints_hold(queued: Callable[[], JobExecutionLog]) -> None:
    job = JobExecutionLog.objects.get(pk=queued().pk)
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(job)
