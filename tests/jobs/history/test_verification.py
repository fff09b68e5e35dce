"""Verification of the audit log covers its archives, and those of jobs."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from accounts.models import User
from audit import verification
from audit.archive import moving
from audit.heads.comparison import compare
from audit.heads.file import Content
from audit.heads.lines import new_line
from audit.key import signing_key
from audit.models import AuditArchive, AuditCheck, AuditLog
from audit.verification import read_head, verify_log
from jobs.history import archiving
from jobs.models import JobArchive, JobExecutionLog
from jobs.results.stores.folder import FolderStore
from tests.audit.helpers import record, tamper

MakeJob = Callable[[], JobExecutionLog]


@pytest.fixture
def paths(old_job: MakeJob, store: Path, monkeypatch: pytest.MonkeyPatch, user: User) -> dict[str, list[Path]]:
    """The files of two archives of jobs, and of some of the audit log."""
    monkeypatch.setattr(archiving, "_MAX_JOBS", 1)
    monkeypatch.setattr(moving, "_MAX_ENTRIES", 3)
    for _ in range(2):
        old_job()
    assert sum(archiving.archive_history()) > 5
    record(user)
    assert verify_log() is None
    names = {
        "jobs": JobArchive.objects.order_by("pk").values_list("name", flat=True),
        "audit": AuditArchive.objects.order_by("pk").values_list("name", flat=True),
    }
    return {kind: [store / name for name in found] for kind, found in names.items()}


def tamper_with_archives(statement: str) -> None:
    """Run the statement like somebody who has the database's password: without the trigger."""
    names = {"sqlite": "audit_archive_no_update", "postgresql": "audit_archive_no_change on audit_auditarchive"}
    with connection.cursor() as cursor:
        cursor.execute(f"drop trigger {names[connection.vendor]}")
        cursor.execute(statement)


def change(path: Path, other: Path) -> None:
    content = gzip.decompress(path.read_bytes()).replace(b"alice", b"mallo")
    path.write_bytes(gzip.compress(content))


def shorten(path: Path, other: Path) -> None:
    path.write_bytes(gzip.compress(b"".join(gzip.decompress(path.read_bytes()).splitlines(keepends=True)[:-1])))


def cut(path: Path, other: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def remove(path: Path, other: Path) -> None:
    path.unlink()


def swap(path: Path, other: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(other.read_bytes())
    other.write_bytes(content)


@pytest.mark.parametrize("kind", ["jobs", "audit"])
@pytest.mark.parametrize("harm", [change, shorten, cut, remove, swap])
def test_harm_to_an_archive_is_found(
    paths: dict[str, list[Path]], harm: Callable[[Path, Path], None], kind: str
) -> None:
    harm(*paths[kind][:2])
    failure = verify_log()
    assert failure and "missing or was changed" in failure.reason


def test_an_archive_that_is_changed_with_its_row_is_found(paths: dict[str, list[Path]], store: Path) -> None:
    """By somebody who has the database's password and the store, but not the key."""
    path = paths["audit"][0]
    change(path, path)
    row = AuditArchive.objects.get(name=str(path.relative_to(store)))
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    values = f"size = {len(content)}, sha256 = '{sha256}'"
    tamper_with_archives(f"update audit_auditarchive set {values} where first_sequence = {row.pk}")
    failure = verify_log()
    assert failure and failure.reason == "the entry was changed after it was written"


def test_an_archive_whose_times_were_changed_is_found(paths: dict[str, list[Path]]) -> None:
    """Whoever looks for its entries would not find them."""
    tamper_with_archives("update audit_auditarchive set last_at = first_at where first_sequence = 1")
    failure = verify_log()
    assert failure and "the row of the archive" in failure.reason


def test_the_row_of_an_archive_of_jobs_cannot_be_removed_unnoticed(paths: dict[str, list[Path]]) -> None:
    JobArchive.objects.first().delete()  # type: ignore[union-attr]
    failure = verify_log()
    assert failure and "the row of the archive" in failure.reason


def test_an_archived_entry_that_is_written_again_is_found(paths: dict[str, list[Path]], user: User) -> None:
    AuditLog.objects.bulk_create([AuditLog(sequence=1, timestamp=user.date_joined, actor="mallory", hash="1")])
    failure = verify_log()
    assert failure and (failure.sequence, "again" in failure.reason) == (1, True)


def test_the_continuous_verification_reads_archives_step_by_step(paths: dict[str, list[Path]]) -> None:
    steps = []
    while not verification.verify_for(seconds=0):
        steps.append(AuditCheck.objects.get().sequence)
    assert steps[:2] == [3, 6]
    assert AuditCheck.objects.get().verified_sequence == read_head().sequence
    paths["audit"][0].unlink()
    verification.verify_for(seconds=5, restart=True)
    assert AuditCheck.objects.get().broken_sequence == 1


def test_a_head_from_before_is_compared_with_archived_entries(paths: dict[str, list[Path]]) -> None:
    archived = AuditArchive.objects.first()
    assert archived
    agreeing = new_line(signing_key(), 2, archived.hash_of(2), after=None)
    assert compare([Content("x", [agreeing])], read_head()) is None
    other = new_line(signing_key(), 2, "f" * 64, after=None)
    failure = compare([Content("x", [other])], read_head())
    assert failure and failure.sequence == 2


def test_a_store_out_of_reach_is_no_tampering(paths: dict[str, list[Path]], store: Path) -> None:
    for path in paths["audit"]:
        path.unlink()
    FolderStore(store).write_marker("another")
    assert verification.verify_for(seconds=5)
    assert not AuditCheck.objects.exclude(broken_sequence=None).exists()
    with pytest.raises(Exception, match="share is not mounted"):
        call_command("verify_audit")


def test_a_broken_log_is_not_archived(old_job: MakeJob) -> None:
    old_job()
    tamper("update audit_auditlog set actor = 'mallory' where sequence = 2")
    archiving_count = AuditArchive.objects.count()
    list(archiving.archive_history())
    assert AuditArchive.objects.count() == archiving_count
    failure = verify_log()
    assert failure and failure.sequence == 2
