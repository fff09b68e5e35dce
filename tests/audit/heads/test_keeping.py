"""When heads are written, and what happens if they can't be."""

from __future__ import annotations

import logging
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import transaction
from pytest_django import Settings

from accounts.models import User
from audit import actions as audit
from audit import verification
from audit.chain import GENESIS
from audit.heads.file import HeadsFile
from audit.heads.keeping import own_files
from audit.models import Action, AuditCheck, AuditLog
from tests.audit.heads.states import State, current_state, put
from tests.audit.helpers import record


def lines() -> list[str]:
    return own_files()[0].path.read_text().splitlines()


def kept() -> int:
    return own_files()[0].lines()[-1].sequence


def test_a_head_is_kept_once_its_transaction_is_committed(committing: None, people: dict[str, User]) -> None:
    with transaction.atomic():
        record(people["bob"])
        assert kept() == 0
    assert kept() == 1


def test_a_head_that_is_rolled_back_is_not_kept(committing: None, people: dict[str, User]) -> None:
    with transaction.atomic():
        record(people["bob"])
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            record(people["bob"])
            _ = 1 / 0
    assert kept() == 1
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        record(people["bob"])
        _ = 1 / 0
    assert kept() == 1
    assert verification.verify_log() is None


def test_a_transaction_with_many_entries_writes_one_line(committing: None, people: dict[str, User]) -> None:
    with transaction.atomic():
        for number in range(50):
            audit.record(Action.SIGN_IN, actor=people["bob"], tenant_id=None, target=("user", number))
    assert (len(lines()), kept()) == (2, 50)


@contextmanager
def _full_disk(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond this size, by the kernel's own limit."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_keeps_nothing_from_being_recorded_and_the_next_head_covers_it(
    committing: None, people: dict[str, User], caplog: pytest.LogCaptureFixture
) -> None:
    record(people["bob"])
    path = own_files()[0].path
    # Half a line fits.
    with _full_disk(path.stat().st_size + 60):
        record(people["bob"])
        record(people["bob"])
    assert (AuditLog.objects.count(), kept()) == (3, 1)
    (entry,) = [entry for entry in caplog.records if entry.name == "audit.heads.keeping"]
    assert entry.levelno == logging.CRITICAL
    assert verification.verify_log() is None, "a file that is behind contradicts nothing"
    record(people["bob"])
    assert kept() == 4


def test_a_file_that_is_missing_keeps_nothing_from_being_recorded_and_stays_missing(
    committing: None, people: dict[str, User]
) -> None:
    own_files()[0].path.unlink()
    record(people["bob"])
    verification.begin_heads()
    failure = verification.verify_log()
    assert failure and failure.reason.endswith("is missing")
    assert AuditLog.objects.count() == 1


def test_heads_are_in_the_log_where_that_is_set(
    committing: None, people: dict[str, User], settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.AUDIT_HEADS_LOG = True
    with caplog.at_level(logging.INFO):
        entry = record(people["bob"])
    (line,) = [line for line in caplog.records if line.getMessage() == "audit head"]
    assert (line.sequence, line.hash) == (1, entry.hash)


def test_hosts_keep_files_of_their_own_and_read_those_of_all(
    shared_folder: Path, people: dict[str, User], settings: Settings, tmp_path: Path
) -> None:
    first = own_files()[0].path.parent
    record(people["bob"])
    settings.AUDIT_HEADS_DIR = tmp_path / "second"
    verification.begin_heads()
    record(people["bob"])
    assert kept() == 2
    assert len(list(shared_folder.glob("*.heads"))) == 2
    settings.AUDIT_HEADS_DIR = first
    assert kept() == 1
    assert verification.verify_log() is None


def test_a_host_that_starts_later_begins_with_the_head_of_that_time(
    committing: None, people: dict[str, User], settings: Settings, tmp_path: Path
) -> None:
    record(people["bob"])
    settings.AUDIT_HEADS_DIR = tmp_path / "later"
    failure = verification.verify_log()
    assert failure and failure.reason.endswith("is missing")
    verification.begin_heads()
    assert (kept(), verification.verify_log()) == (1, None)


def test_only_the_host_whose_file_shows_it_refutes_a_finding(
    states: dict[str, State], settings: Settings, tmp_path: Path
) -> None:
    """The hosts have the same name, as containers may."""
    first = settings.AUDIT_HEADS_DIR
    settings.AUDIT_HEADS_DIR = tmp_path / "second"
    verification.begin_heads()
    settings.AUDIT_HEADS_DIR = first
    put(State(states["old"].rows, states["old"].head, (), states["new"].file))
    verification.verify_for(seconds=5)
    settings.AUDIT_HEADS_DIR = tmp_path / "third"
    verification.begin_heads()
    verification.verify_for(seconds=5)
    assert AuditCheck.objects.get().broken_sequence == 6
    settings.AUDIT_HEADS_DIR = first
    put(replace(states["new"], check=current_state().check))
    verification.verify_for(seconds=5)
    assert AuditCheck.objects.get().broken_sequence is None


def test_an_operator_accepts_what_a_host_found_that_is_gone(
    states: dict[str, State], settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(State(states["old"].rows, states["old"].head, (), states["new"].file))
    verification.verify_for(seconds=5)
    settings.AUDIT_HEADS_DIR = tmp_path / "another"
    verification.begin_heads()
    call_command("anchor_audit", reason="The old host was replaced")
    assert "Another host found at entry #6: entries that were there before are missing." in capsys.readouterr().out
    verification.verify_for(seconds=5)
    assert AuditCheck.objects.get().broken_sequence is None


def test_a_finding_of_an_earlier_version_is_refuted_by_the_host_of_that_name(
    committing: None, people: dict[str, User]
) -> None:
    record(people["bob"])
    verification.verify_for(seconds=5)
    check = AuditCheck.objects.get()
    check.broken_sequence, check.reason, check.broken_on = 7, "entries that were there before are missing", "elsewhere"
    verification._save(check, AuditCheck.objects.get())
    verification.verify_for(seconds=5)
    assert AuditCheck.objects.get().broken_sequence == 7
    check.broken_on = socket.gethostname()
    verification._save(check, AuditCheck.objects.get())
    verification.verify_for(seconds=5)
    assert AuditCheck.objects.get().broken_sequence is None


def test_an_operator_accepts_a_restored_log_and_the_log_says_so(
    states: dict[str, State], capsys: pytest.CaptureFixture[str]
) -> None:
    put(State(states["old"].rows, states["old"].head, states["old"].check, states["new"].file))
    assert verification.verify_log()
    call_command("anchor_audit", reason="Restored the backup of Monday")
    assert "has entry #8 with hash" in capsys.readouterr().out
    assert verification.verify_log() is None
    entry = AuditLog.objects.get(sequence=6)
    assert (entry.action, entry.details["reason"]) == ("Audit Anchor", "Restored the backup of Monday")
    assert "#8" in entry.details["found"][0]
    assert kept() == 6
    assert own_files()[0].path.with_name("audit_heads.before-6").read_text() == states["new"].file
    call_command("anchor_audit", reason="Again")
    assert "Nothing to do." in capsys.readouterr().out
    assert AuditLog.objects.count() == 6


def test_an_operator_begins_a_lost_file_again(committing: None, people: dict[str, User]) -> None:
    record(people["bob"])
    own_files()[0].path.unlink()
    call_command("anchor_audit", reason="The disk was replaced")
    assert (kept(), verification.verify_log()) == (2, None)


def test_a_line_that_was_being_written_when_the_machine_stopped_is_replaced(tmp_path: Path) -> None:
    heads = HeadsFile(tmp_path / "heads", b"k" * 32)
    heads.begin(0, GENESIS)
    whole = heads.path.read_bytes()
    heads.append(1, "1" * 64)
    written = heads.path.read_bytes()
    for torn in (written[: len(whole) + 70], written[: len(whole) + 10] + bytes(20)):
        heads.path.write_bytes(torn)
        assert heads.lines()[-1].sequence == 0
        heads.append(2, "2" * 64)
        assert heads.lines()[-1].sequence == 2


def test_a_file_that_has_grown_is_replaced_by_its_last_line(
    committing: None, people: dict[str, User], settings: Settings
) -> None:
    settings.AUDIT_HEADS_LARGE_BYTES = 1000
    for _ in range(20):
        record(people["bob"])
    assert len(lines()) < 8
    assert (kept(), verification.verify_log()) == (20, None)


def test_lines_that_were_written_while_a_file_was_compared_stay(tmp_path: Path) -> None:
    heads = HeadsFile(tmp_path / "heads", b"k" * 32)
    heads.begin(0, GENESIS)
    heads.append(1, "1" * 64)
    compared = heads.lines()
    heads.append(2, "2" * 64)
    heads.compact(compared, contradicting=[])
    assert [line.sequence for line in heads.lines()] == [1, 2]
    heads.compact(compared, contradicting=[])
    assert [line.sequence for line in heads.lines()] == [1, 2], "another process has compacted it"
