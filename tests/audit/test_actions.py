"""Writing to the audit log."""

from __future__ import annotations

import getpass
import os

import pytest
from django.db import connection, transaction
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from audit import actions as audit
from audit import verification
from audit.exceptions import AuditLogIsAppendOnly
from audit.models import Action, AuditHead, AuditLog
from tests.audit.helpers import record


def test_entries_are_numbered_and_chained(people: dict[str, User]) -> None:
    first, second = record(people["bob"]), record(people["carol"], Action.SIGN_IN, browser="x")
    assert (first.sequence, second.sequence) == (1, 2)
    assert second.previous_hash == first.hash
    stored = AuditLog.objects.get(pk=2)
    assert (stored.actor, stored.action, stored.details) == ("carol", "Sign In", {"browser": "x"})
    assert AuditHead.objects.get().sequence == 2
    assert verification.verify_log() is None


@pytest.mark.django_db(transaction=True)
def test_an_entry_needs_a_transaction() -> None:
    with pytest.raises(transaction.TransactionManagementError, match="in the transaction of its action"):
        audit.record(Action.SIGN_IN, actor="system", tenant_id=None, target=("user", 1))
    assert not AuditLog.objects.exists()


def test_an_action_that_is_rolled_back_leaves_no_entry(people: dict[str, User]) -> None:
    record(people["bob"])
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        record(people["bob"])
        raise ZeroDivisionError
    assert record(people["bob"]).sequence == 2
    assert verification.verify_log() is None


def test_entries_can_neither_be_changed_nor_deleted(people: dict[str, User]) -> None:
    entry = record(people["bob"])
    entry.actor = "mallory"
    for change in (entry.save, entry.delete, AuditLog.objects.all().delete, lambda: AuditLog.objects.update(actor="x")):
        with pytest.raises(AuditLogIsAppendOnly):
            change()


def test_a_command_is_recorded_with_the_user_who_runs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert audit.operator_actor() == f"operator:{getpass.getuser()}"

    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert audit.operator_actor() == f"operator:{os.getuid()}"


def test_recording_takes_few_statements(
    people: dict[str, User], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """Writers wait for each other. Savepoint, read head, insert, advance head, release."""
    record(people["bob"])
    with django_assert_num_queries(5, connection=connection):
        record(people["bob"])
