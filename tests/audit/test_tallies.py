"""Events that are counted before they become an entry."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from accounts.models import User
from audit import tallies, verification
from audit.models import Action, AuditLog, AuditTally
from tests.audit.helpers import record, tamper


def count(address: str = "192.0.2.1", at_once: bool = False, action: Action = Action.SIGN_IN_FAILED) -> None:
    details = {"address": address, "channel": "page"}
    tallies.count(action, tenant_id=None, target=("user", 7), details=details, at_once=at_once)


def let_pass(seconds: float) -> None:
    """Make what was counted so far older."""
    for row in AuditTally.objects.all():
        earlier = timedelta(seconds=seconds)
        AuditTally.objects.filter(pk=row.pk).update(first_at=row.first_at - earlier, last_at=row.last_at - earlier)


def test_events_become_one_entry_when_they_have_stopped(db: None) -> None:
    for _ in range(3):
        count()
    count("192.0.2.2")
    assert tallies.record_due() == 0
    let_pass(21)
    assert (tallies.record_due(), tallies.record_due()) == (2, 0)
    entries = {entry.details["address"]: entry for entry in AuditLog.objects.all()}
    assert {address: entry.details["count"] for address, entry in entries.items()} == {"192.0.2.1": 3, "192.0.2.2": 1}
    entry = entries["192.0.2.1"]
    assert (entry.actor, entry.actor_id, entry.target_id) == ("unknown", None, "7")
    assert entry.details["first"] < entry.details["last"] < timezone.now().isoformat()
    assert verification.verify_log() is None
    assert not AuditTally.objects.exists()


def test_events_that_go_on_become_an_entry_now_and_then(db: None) -> None:
    count()
    let_pass(601)
    count()
    assert tallies.record_due() == 1
    assert AuditLog.objects.get().details["count"] == 2


def test_the_first_event_can_be_an_entry_at_once(db: None) -> None:
    count(at_once=True)
    assert "count" not in AuditLog.objects.get().details
    let_pass(21)
    assert (tallies.record_due(), AuditLog.objects.count()) == (0, 1), "it is in the log already"
    for _ in range(3):
        count(at_once=True)
    let_pass(21)
    assert tallies.record_due() == 1
    assert AuditLog.objects.order_by("sequence").last().details["count"] == 2  # type: ignore[union-attr]


def test_more_addresses_than_anybody_reads_are_counted_together(db: None) -> None:
    for number in range(1007):
        count(f"192.0.{number // 250}.{number % 250}")
    assert AuditTally.objects.count() == 1001
    assert AuditTally.objects.get(details__address="others").count == 7


@pytest.mark.django_db(transaction=True)
def test_concurrent_events_are_all_counted() -> None:
    def work() -> None:
        for _ in range(5):
            count()
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert AuditTally.objects.get().count == 20


@pytest.mark.parametrize("value", ["null", "1000"])
def test_the_actors_id_can_not_be_changed(people: dict[str, User], value: str) -> None:
    entry = record(people["bob"])
    assert AuditLog.objects.get().actor_id == people["bob"].pk
    assert verification.verify_log() is None
    tamper(f"update audit_auditlog set actor_id = {value} where sequence = {entry.sequence}")
    failure = verification.verify_log()
    assert failure and failure.reason == "the entry was changed after it was written"
