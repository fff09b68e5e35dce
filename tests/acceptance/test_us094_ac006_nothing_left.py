"""US-094 AC-006: if the queue or the database fails while a job is created, nothing of it is left.

The failures are real: SQL triggers in the server's database make an insert or the commit fail.
"""

from __future__ import annotations

import uuid
from contextlib import contextmanager

import pytest

from tests.acceptance.helpers import GENERATE, assert_error, database, row_counts

ABORT = "create trigger failure before insert on {} begin select raise(abort, 'made to fail'); end"
#: Violates a deferred foreign key. SQLite checks it at COMMIT, after everything has been written.
AT_COMMIT = (
    "create table absent (id integer primary key)",
    "create table orphan (parent integer references absent (id) deferrable initially deferred)",
    "create trigger failure after insert on jobs_jobexecutionlog begin insert into orphan values (1); end",
)
FAILURES = {
    "the queue's insert": ([ABORT.format("django_q_ormq")], "queue_unavailable"),
    "the commit": (AT_COMMIT, "unavailable"),
    "the audit entry": ([ABORT.format("audit_auditlog")], "unavailable"),
    "the job's insert": ([ABORT.format("jobs_jobexecutionlog")], "unavailable"),
    "the timeline's insert": ([ABORT.format("jobs_jobevent")], "unavailable"),
}


@contextmanager
def failure(server, statements):
    with database(server) as connection:
        for statement in statements:
            connection.execute(statement)
    try:
        yield
    finally:
        with database(server) as connection:
            connection.execute("drop trigger failure")
            connection.execute("drop table if exists orphan")
            connection.execute("drop table if exists absent")


@pytest.mark.parametrize("failing", FAILURES)
@pytest.mark.parametrize("with_key", [False, True])
def test_us094_ac006_a_failed_write_is_answered_with_503_and_leaves_nothing(idle, idle_bob, failing, with_key):
    statements, code = FAILURES[failing]
    headers = {"Idempotency-Key": str(uuid.uuid4())} if with_key else {}
    before = row_counts(idle)
    with failure(idle, statements):
        answer = idle_bob.post(GENERATE, headers=headers)
        body = assert_error(answer, 503, code)
        assert row_counts(idle) == before
    assert "made to fail" not in body["error"]
    assert int(answer.headers["Retry-After"]) >= 1
    again = idle_bob.post(GENERATE, headers=headers)
    assert again.status_code == 202
    assert "Idempotency-Replayed" not in again.headers
    assert row_counts(idle) == {table: number + 1 for table, number in before.items()}


@pytest.mark.parametrize("failing", FAILURES)
def test_us094_ac006_a_failed_write_of_a_retry_leaves_nothing(idle, idle_bob, failing):
    alice, job = idle.client("alice"), idle_bob.generate("sales-by-region")
    assert idle_bob.post(f"/jobs/{job}/cancel").status_code == 202
    before = row_counts(idle)
    with failure(idle, FAILURES[failing][0]):
        assert_error(alice.post(f"/jobs/{job}/retry"), 503, FAILURES[failing][1])
        assert row_counts(idle) == before
    assert alice.post(f"/jobs/{job}/retry").status_code == 202


def test_us094_ac006_the_audit_log_is_intact_after_a_failure(idle, idle_bob):
    with failure(idle, AT_COMMIT):
        assert_error(idle_bob.post(GENERATE), 503, "unavailable")
    idle_bob.generate("sales-by-region")
    assert "Verified up to" in idle.manage("verify_audit").stdout


def test_us094_ac006_the_cause_is_in_the_log_and_not_in_the_answer(idle, idle_bob):
    with failure(idle, FAILURES["the audit entry"][0]):
        answer = idle_bob.post(GENERATE, headers={"X-Request-ID": "made-to-fail-1"})
    assert "made to fail" not in answer.text
    assert "made to fail" in (idle.folder / "logs" / "web.log").read_text()
