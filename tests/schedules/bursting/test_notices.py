"""What a schedule that bursts tells: one message of all recipients whose jobs fail at once."""

from __future__ import annotations

import pytest

from jobs import actions as jobs
from jobs import failures
from jobs.execution import transitions
from tests.jobs.helpers import reload, succeed_with
from tests.jobs.notices.sending import send_all
from tests.schedules.bursting.conftest import People, burst_with, bursting, run_burst
from tests.sinks import Mails

pytestmark = pytest.mark.django_db(databases="__all__")


def test_jobs_of_several_recipients_that_fail_are_told_once_and_others_end_no_streak(
    people: People, mails: Mails
) -> None:
    schedule = bursting(notify={"to": ["ops@example.com"]})
    run_burst(schedule)
    failed = [transitions.claim(owner="w", host="h", pid=1) for _ in range(2)]
    for job in failed:
        assert job and transitions.fail(job, failures.CANCELLED)
    assert [str(message["Subject"]) for _, message in send_all(mails)] == ["hourly failed"]
    assert failed[0]
    jobs.retry(job=reload(failed[0]), actor="tester")
    retry = transitions.claim(owner="w", host="h", pid=1)
    assert retry
    succeed_with(retry, b"x")
    assert [str(message["Subject"]) for _, message in send_all(mails)] == ["hourly works again"]


def test_nobody_else_subscribes_to_results_for_recipients(people: People) -> None:
    refused = burst_with(subscribable=True)
    assert refused.status_code == 400 and "result of their own" in refused.json()["fields"]["subscribable"][0]
