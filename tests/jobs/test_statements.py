"""Statements that are put together once do what Django's own do, with the values of each run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db.models import DurationField, F

from common.compiled_sql import Param, Statement, params, update_query
from jobs.clock import Now, from_now
from jobs.models import JobExecutionLog

AT = datetime(2026, 2, 28, 23, 59, 59, 123456, UTC)
FIND = Statement(lambda: JobExecutionLog.objects.filter(**params(JobExecutionLog, "id")).only("parameters").query)
CHANGE = Statement(
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
    one = {"parameters": {"a": "Ä % %s ?"}, "heartbeat_at": AT, "percent": 7, "host": "h", "error_retryable": True}
    return {**one, "wait": timedelta(hours=1), **changed}


def test_each_run_has_its_own_values(claimed: JobExecutionLog) -> None:
    for number, host in enumerate(("first", "second"), 1):
        assert CHANGE.execute(id=claimed.pk, **values(host=host, percent=number)) == 1
        claimed.refresh_from_db()
        assert (claimed.host, claimed.percent, claimed.attempt) == (host, number, 0)
        assert (claimed.parameters, claimed.heartbeat_at) == ({"a": "Ä % %s ?"}, AT)
        assert claimed.error_retryable is True
        assert timedelta(minutes=59) < claimed.available_at - claimed.queued_at < timedelta(minutes=61)
        if number == 1:
            JobExecutionLog.objects.filter(pk=claimed.pk).update(attempt=1)


def test_nothing_is_stored_as_nothing(claimed: JobExecutionLog) -> None:
    assert CHANGE.execute(id=claimed.pk, **values(heartbeat_at=None, percent=None)) == 1
    claimed.refresh_from_db()
    assert (claimed.heartbeat_at, claimed.percent) == (None, None)


def test_an_update_answers_with_the_rows_as_they_are_now(claimed: JobExecutionLog) -> None:
    (found,) = CHANGE.execute_returning(id=claimed.pk, **values(percent=9))
    assert (found.pk, found.percent, found.heartbeat_at, found.parameters) == (claimed.pk, 9, AT, {"a": "Ä % %s ?"})
    assert not found.get_deferred_fields()
    assert CHANGE.execute_returning(id=uuid4(), **values()) == []
    assert CHANGE.execute(id=uuid4(), **values()) == 0


def test_a_select_finds_what_it_asks_for(claimed: JobExecutionLog) -> None:
    (found,) = FIND.fetch(id=claimed.pk)
    assert (found.pk, found.parameters) == (claimed.pk, claimed.parameters)
    assert "report_name" in found.get_deferred_fields()
    assert FIND.fetch(id=uuid4()) == []


def test_a_value_that_is_missing_is_an_error(claimed: JobExecutionLog) -> None:
    with pytest.raises(KeyError, match="id"):
        FIND.fetch()
