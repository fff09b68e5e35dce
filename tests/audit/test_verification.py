"""The continuous verification of the audit log."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from audit import chain, verification
from audit.models import AuditCheck, AuditHead
from tests.audit.helpers import record, tamper


def test_verification_continues_where_it_stopped(people: dict[str, User], settings: Settings) -> None:
    settings.AUDIT_BATCH_ENTRIES = 2
    for _ in range(5):
        record(people["bob"])
    steps = [(verification.verify_for(seconds=0), AuditCheck.objects.get().sequence) for _ in range(4)]
    assert steps == [(False, 2), (False, 4), (False, 5), (True, 5)]
    assert AuditCheck.objects.get().verified_sequence == 5


def test_an_empty_log_is_intact(db: None) -> None:
    assert verification.last_check() is None
    assert verification.verify_for(seconds=5)
    check = verification.last_check()
    assert check and (check.verified_sequence, check.broken_sequence, check.in_progress) == (0, None, False)


def test_verification_starts_again_after_a_day(people: dict[str, User]) -> None:
    for _ in range(3):
        record(people["bob"])
    verification.verify_for(seconds=5)
    tamper("update audit_auditlog set actor = 'mallory' where sequence = 2")
    verification.verify_for(seconds=5)
    check = AuditCheck.objects.get()
    assert check.broken_sequence is None, "entries that were verified are not read again at once"
    check.started_at = timezone.now() - timedelta(days=1, seconds=1)
    check.seal = chain.check_seal(b"no key", {})
    check.save()
    assert verification.last_check() is None, "its seal covers the time"
    check.seal = verification._seal(check)
    check.save()
    verification.verify_for(seconds=5)
    assert AuditCheck.objects.get().broken_sequence == 2


def test_a_failure_is_logged_once(people: dict[str, User], caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        record(people["bob"])
    tamper("update audit_auditlog set actor = 'mallory' where sequence = 2")
    for _ in range(2):
        verification.verify_for(seconds=5)
    [message] = [r.getMessage() for r in caplog.records if r.name == "audit.verification"]
    assert message == "The audit log is broken at entry #2: the entry was changed after it was written."


def test_an_older_head_that_was_put_back_with_its_seal_is_noticed(people: dict[str, User]) -> None:
    record(people["bob"])
    older = AuditHead.objects.get()
    record(people["bob"])
    verification.verify_for(seconds=5)
    older.save()
    tamper("delete from audit_auditlog where sequence = 2")
    assert verification.verify_log() is None, "the log alone doesn't show it"
    verification.verify_for(seconds=5)
    check = AuditCheck.objects.get()
    assert (check.broken_sequence, check.reason) == (2, "entries that were there before are missing")


def test_a_result_that_somebody_else_wrote_is_ignored(people: dict[str, User]) -> None:
    for _ in range(3):
        record(people["bob"])
    verification.verify_for(seconds=5)
    tamper("update audit_auditlog set actor = 'mallory' where sequence = 1")
    AuditCheck.objects.update(sequence=3, verified_sequence=99)
    assert verification.last_check() is None
    verification.verify_for(seconds=5)
    assert AuditCheck.objects.get().broken_sequence == 1


def test_a_slower_process_does_not_overwrite_a_newer_result(people: dict[str, User]) -> None:
    record(people["bob"])
    verification.verify_for(seconds=5)
    stale = AuditCheck.objects.get()
    record(people["bob"])
    verification.verify_for(seconds=5)
    late = AuditCheck.objects.get()
    late.verified_sequence = 1
    verification._save(late, stale)
    assert AuditCheck.objects.get().verified_sequence == 2


def test_seals_of_earlier_versions_stay_valid() -> None:
    """The keys of what is sealed are those of the first version, whatever the columns are called."""
    check = AuditCheck(started_at=timezone.now(), sequence=3, hash="ab", verified_sequence=3)
    assert list(check.sealed_content()) == [
        "begun_at", "sequence", "hash", "verified", "verified_at", "broken", "reason", "broken_at",
    ]  # fmt: skip
