"""The outbox: deliveries are added with the success, sent with a stable id, retried, and fail at last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from audit.models import AuditLog
from jobs import failures
from jobs.delivery import outbox, outgoing
from jobs.execution import transitions
from jobs.execution.protocol import Result
from jobs.models import Delivery, JobExecutionLog
from jobs.notices import outbox as notices
from jobs.results import store
from tests.jobs.delivery.helpers import AddTarget, Succeed, event_kinds, make_due, send_next


def test_a_success_adds_one_delivery_for_each_target(add_target: AddTarget, succeed: Succeed) -> None:
    add_target("email", to=["a@example.com", "b@example.com", "a@example.com"])
    add_target("webhook", url="https://example.com/hook")
    add_target("file_share", path="daily")
    job = succeed()
    assert sorted(job.deliveries.values_list("kind", "target", "state")) == [
        ("email", "a@example.com", "pending"),
        ("email", "b@example.com", "pending"),
        ("file_share", "daily", "pending"),
        ("webhook", "https://example.com/hook", "pending"),
    ]
    with pytest.raises(IntegrityError), transaction.atomic():
        result = Result(rows=1, truncated=None, files=())
        outbox.add_deliveries(JobExecutionLog.objects.get(pk=job.pk), result)


def test_a_failed_job_delivers_nothing(add_target: AddTarget, claimed: JobExecutionLog) -> None:
    add_target("email", to=["a@example.com"])
    assert transitions.fail(claimed, failures.CANCELLED)
    assert not Delivery.objects.exists()


@pytest.mark.parametrize("box", [outbox, notices])
def test_what_is_deleted_while_it_is_claimed_is_not_sent(db: None, monkeypatch: pytest.MonkeyPatch, box: Any) -> None:
    monkeypatch.setattr(box, "claim_due", lambda rows: uuid4())
    assert box.claim() is None


def test_a_claimed_delivery_is_leased_to_one_deliverer(add_target: AddTarget, succeed: Succeed) -> None:
    add_target("file_share", path="daily")
    succeed()
    first = outbox.claim()
    assert first and outbox.claim() is None
    make_due()
    second = outbox.claim()
    assert second and (second.pk, second.attempt) == (first.pk, 2)
    assert not outbox.mark_sent(first), "a deliverer that lost its lease must record nothing"
    assert not outbox.mark_failed(first, "no")
    assert outbox.mark_sent(second)
    assert event_kinds(second.job).count("delivered") == 1


def test_a_failed_attempt_is_retried_until_the_last(add_target: AddTarget, succeed: Succeed, settings: Any) -> None:
    settings.EMAIL_CONFIGURED = False
    add_target("email", to=["a@example.com"])
    job = succeed()
    for attempt in range(1, outgoing.MAX_ATTEMPTS + 1):
        delivery = send_next()
        assert delivery.attempt == attempt and delivery.error == "No mail server is configured."
        assert outbox.claim() is None
        make_due()
    assert delivery.state == "failed"
    kinds = event_kinds(job)
    assert kinds[-1] == "delivery_given_up" and kinds.count("delivery_failed") == outgoing.MAX_ATTEMPTS - 1
    assert AuditLog.objects.get(action="Delivery Failed").details["target"] == "a@example.com"
    assert JobExecutionLog.objects.get(pk=job.pk).status == "Succeeded"
    assert "a@example.com" not in json.dumps(list(job.events.values_list("details", flat=True)))


def test_waits_grow_and_have_jitter() -> None:
    wait = outgoing.RETRY_WAITS.jittered
    assert 2.5 <= wait(1) <= 5 and 40 <= wait(5) <= 80 and wait(99) <= 3600
    assert len({wait(5) for _ in range(20)}) > 1


def test_a_result_whose_file_is_gone_is_not_delivered(add_target: AddTarget, succeed: Succeed, share: Path) -> None:
    add_target("file_share", path="daily")
    job = succeed()
    store.current().delete_job(job.pk)
    assert (send_next().state, [*share.rglob("*.csv")]) == ("failed", [])
