"""US-094 AC-006: when the queue or the database fails while a job is made, nothing of it is left.

The faults are real: SQL triggers in the server's own database make an insert or the commit fail.
"""

from __future__ import annotations

import uuid
from contextlib import contextmanager

import pytest

from tests.acceptance.helpers import GENERATE, counts, database, refused

ABORT = "create trigger fault before insert on {} begin select raise(abort, 'made to fail'); end"
#: Breaks a deferred foreign key: SQLite notices at COMMIT, when everything was written already.
AT_COMMIT = (
    "create table absent (id integer primary key)",
    "create table orphan (parent integer references absent (id) deferrable initially deferred)",
    "create trigger fault after insert on jobs_jobexecutionlog begin insert into orphan values (1); end",
)
FAULTS = {
    "the queue's insert": ([ABORT.format("django_q_ormq")], "queue_unavailable"),
    "the commit": (AT_COMMIT, "unavailable"),
    "the audit entry": ([ABORT.format("audit_auditlog")], "unavailable"),
    "the job's insert": ([ABORT.format("jobs_jobexecutionlog")], "unavailable"),
    "the timeline's insert": ([ABORT.format("jobs_jobevent")], "unavailable"),
}


@contextmanager
def fault(server, statements):
    with database(server) as connection:
        for statement in statements:
            connection.execute(statement)
    try:
        yield
    finally:
        with database(server) as connection:
            connection.execute("drop trigger fault")
            connection.execute("drop table if exists orphan")
            connection.execute("drop table if exists absent")


@pytest.mark.parametrize("what", FAULTS)
@pytest.mark.parametrize("with_key", [False, True])
def test_us094_ac006_when_writing_fails_the_answer_is_503_and_nothing_is_left(idle, idle_bob, what, with_key):
    statements, code = FAULTS[what]
    headers = {"Idempotency-Key": str(uuid.uuid4())} if with_key else {}
    before = counts(idle)
    with fault(idle, statements):
        answer = idle_bob.post(GENERATE, headers=headers)
        body = refused(answer, 503, code)
        assert counts(idle) == before
    assert "made to fail" not in body["error"]
    assert int(answer.headers["Retry-After"]) >= 1
    again = idle_bob.post(GENERATE, headers=headers)
    assert again.status_code == 202
    assert "Idempotency-Replayed" not in again.headers
    assert counts(idle) == {table: number + 1 for table, number in before.items()}


@pytest.mark.parametrize("what", FAULTS)
def test_us094_ac006_a_retry_that_can_not_be_written_leaves_nothing_either(idle, idle_bob, what):
    alice, job = idle.client("alice"), idle_bob.generate("sales-by-region")
    assert idle_bob.post(f"/jobs/{job}/cancel").status_code == 202
    before = counts(idle)
    with fault(idle, FAULTS[what][0]):
        refused(alice.post(f"/jobs/{job}/retry"), 503, FAULTS[what][1])
        assert counts(idle) == before
    assert alice.post(f"/jobs/{job}/retry").status_code == 202


def test_us094_ac006_the_audit_log_holds_after_the_faults(idle, idle_bob):
    with fault(idle, AT_COMMIT):
        refused(idle_bob.post(GENERATE), 503, "unavailable")
    idle_bob.generate("sales-by-region")
    assert "Verified up to" in idle.manage("verify_audit").stdout


def test_us094_ac006_the_log_has_the_cause_that_the_answer_has_not(idle, idle_bob):
    with fault(idle, FAULTS["the audit entry"][0]):
        answer = idle_bob.post(GENERATE, headers={"X-Request-ID": "made-to-fail-1"})
    assert "made to fail" not in answer.text
    assert "made to fail" in (idle.folder / "logs" / "web.log").read_text()
