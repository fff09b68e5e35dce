"""Statements that are compiled once do the same as Django's own, with the values of each run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import DurationField, F, Model

from common.compiled_sql import Param, Statement, fetch_models, insert, params, update_query
from jobs.clock import Now, from_now
from jobs.models import JobEvent, JobExecutionLog

AT = datetime(2026, 2, 28, 23, 59, 59, 123456, UTC)
SELECT = Statement(lambda: JobExecutionLog.objects.filter(**params(JobExecutionLog, "id")).only("parameters").query)
UPDATE = Statement(
    lambda: update_query(
        JobExecutionLog.objects.filter(**params(JobExecutionLog, "id")),
        {
            **params(JobExecutionLog, "parameters", "heartbeat_at", "percent", "host", "error_retryable"),
            "attempt": F("attempt") - 1,
            "available_at": from_now(Param("wait", DurationField())),
            "queued_at": Now(),
        },
    )
)


def values(**changed: object) -> dict[str, object]:
    defaults = {"parameters": {"a": "Ä % %s ?"}, "heartbeat_at": AT, "percent": 7, "host": "h", "error_retryable": True}
    return defaults | {"wait": timedelta(hours=1)} | changed


def test_each_run_has_its_own_values(claimed: JobExecutionLog) -> None:
    for number, host in enumerate(("first", "second"), 1):
        assert UPDATE.execute(id=claimed.pk, **values(host=host, percent=number)) == 1
        claimed.refresh_from_db()
        assert (claimed.host, claimed.percent, claimed.attempt) == (host, number, 0)
        assert (claimed.parameters, claimed.heartbeat_at) == ({"a": "Ä % %s ?"}, AT)
        assert claimed.error_retryable is True
        assert timedelta(minutes=59) < claimed.available_at - claimed.queued_at < timedelta(minutes=61)
        if number == 1:
            JobExecutionLog.objects.filter(pk=claimed.pk).update(attempt=1)


def test_none_is_stored_as_null(claimed: JobExecutionLog) -> None:
    assert UPDATE.execute(id=claimed.pk, **values(heartbeat_at=None, percent=None)) == 1
    claimed.refresh_from_db()
    assert (claimed.heartbeat_at, claimed.percent) == (None, None)


def test_an_update_returns_the_changed_rows(claimed: JobExecutionLog) -> None:
    (job,) = UPDATE.execute_returning(id=claimed.pk, **values(percent=9))
    assert (job.pk, job.percent, job.heartbeat_at, job.parameters) == (claimed.pk, 9, AT, {"a": "Ä % %s ?"})
    assert not job.get_deferred_fields()
    assert UPDATE.execute_returning(id=uuid4(), **values()) == []
    assert UPDATE.execute(id=uuid4(), **values()) == 0


def test_a_select_defers_fields_that_it_does_not_read(claimed: JobExecutionLog) -> None:
    (job,) = SELECT.fetch(id=claimed.pk)
    assert (job.pk, job.parameters) == (claimed.pk, claimed.parameters)
    assert "report_name" in job.get_deferred_fields()
    assert SELECT.fetch(id=uuid4()) == []


def test_rows_are_read_by_name_also_after_the_table_has_changed(claimed: JobExecutionLog) -> None:
    for columns in ("id, status", "0 as added, status, id"):
        with connection.cursor() as cursor:
            cursor.execute("drop view if exists some_jobs")
            cursor.execute(f"create view some_jobs as select {columns} from jobs_jobexecutionlog")
        (job,) = fetch_models(JobExecutionLog, "select * from some_jobs", [])
        assert (job.pk, job.status) == (claimed.pk, "Running")
    assert job.added == 0
    with connection.cursor() as cursor:
        cursor.execute("drop view some_jobs")


def test_a_missing_value_raises(claimed: JobExecutionLog) -> None:
    with pytest.raises(KeyError, match="id"):
        SELECT.fetch()


# --- insert() --------------------------------------------------------------------------------------------------------


def columns(row: Model) -> dict[str, object]:
    """The row as it is stored, without what differs in each row."""
    different = {"id", "queued_at", "available_at", "notified_at", "turn"}
    stored = type(row)._base_manager.filter(pk=row.pk).values().get()
    return {name: value for name, value in stored.items() if name not in different}


def test_an_inserted_row_equals_one_that_django_saved(claimed: JobExecutionLog) -> None:
    copy = JobExecutionLog.objects.get(pk=claimed.pk)
    copy.parameters, copy.idempotency_key = {"who": "Ärzte 100 % %s", "when": None}, "k1"
    copy.pk = JobExecutionLog._meta.pk.get_default()
    insert(copy)
    inserted = columns(copy)
    JobExecutionLog.objects.filter(pk=copy.pk).delete()
    copy.pk = JobExecutionLog._meta.pk.get_default()
    copy.save(force_insert=True)
    assert inserted == columns(copy)


def test_each_insert_has_its_own_values_and_expressions(claimed: JobExecutionLog) -> None:
    for at, kind in ((AT, "queued"), (Now(), "claimed"), (AT, "failed")):
        insert(JobEvent(job=claimed, at=at, kind=kind, attempt=1, fence=2, details={"n": kind}))
    *_, first, second, third = claimed.events.all()
    assert [event.kind for event in (first, second, third)] == ["queued", "claimed", "failed"]
    assert [event.details["n"] for event in (first, second, third)] == ["queued", "claimed", "failed"]
    assert first.at == third.at == AT < second.at
    assert first.pk < second.pk < third.pk


def test_rows_with_and_without_a_key_can_be_inserted(claimed: JobExecutionLog) -> None:
    for key in (None, 4711, None):
        insert(JobEvent(pk=key, job=claimed, at=AT, kind="failed", attempt=1, fence=2))
    assert claimed.events.filter(kind="failed").count() == 3
    assert claimed.events.filter(pk=4711).exists()


def test_an_expression_with_parameters_raises(claimed: JobExecutionLog) -> None:
    with pytest.raises(ValueError, match="has parameters"):
        insert(JobEvent(job=claimed, at=from_now(5), kind="failed", attempt=1, fence=2))


def test_an_insert_obeys_constraints(queued: Callable[[], JobExecutionLog]) -> None:
    job = JobExecutionLog.objects.get(pk=queued().pk)
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(job)
