"""Old jobs and audit entries move to archives: all of them, once, and only when they may."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import CASCADE
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from audit.archive.port import ArchiveUnavailable
from audit.models import AuditArchive, AuditLog
from audit.verification import read_head, verify_log
from jobs import actions
from jobs.exceptions import JobNotFound, WrongStore
from jobs.history import archiving, files, turn
from jobs.models import (
    Artifact,
    Delivery,
    DeliveryPlan,
    Deployment,
    DownloadLink,
    HistoryTurn,
    JobArchive,
    JobEvent,
    JobExecutionLog,
    JobSplit,
    Piece,
)
from jobs.results.stores.folder import FolderStore
from tests.audit.helpers import record

MakeJob = Callable[[], JobExecutionLog]


def lines(store: Path, kind: str) -> Iterator[dict[str, Any]]:
    for path in sorted((store / "history" / kind).glob("*.ndjson.gz")):
        yield from map(json.loads, gzip.decompress(path.read_bytes()).splitlines())


def add_delivery(job: JobExecutionLog, state: str) -> None:
    now = timezone.now()
    Delivery.objects.create(job=job, kind="email", target="a", target_digest="a", state=state, available_at=now)


def archive() -> int:
    return sum(archiving.archive_history())


def test_an_old_job_leaves_the_database_with_all_that_belongs_to_it(old_job: MakeJob, user: User, store: Path) -> None:
    job = old_job()
    kinds = list(job.events.values_list("kind", flat=True))
    archive()
    with pytest.raises(JobNotFound):
        JobExecutionLog.objects.find(user, str(job.pk))
    (line,) = lines(store, "jobs")
    assert (line["id"], line["status"], line["parameters"]) == (str(job.pk), "Succeeded", {})
    assert [event["kind"] for event in line["events"]] == kinds
    assert line["artifact"]["rows"] == 1 and line["artifact"]["purged_at"]
    assert line["queued_at"] == job.queued_at.isoformat()
    assert JobArchive.objects.get().jobs == 1


def test_the_audit_log_moves_and_goes_on(old_job: MakeJob, user: User, store: Path) -> None:
    old_job()
    head = read_head()
    archive()
    assert not AuditLog.objects.exists()
    assert [line["sequence"] for line in lines(store, "audit")] == list(range(1, head.sequence + 2))
    assert verify_log() is None
    record(user)
    assert verify_log() is None
    archive()
    assert AuditArchive.objects.count() == 2
    assert verify_log() is None


def test_a_line_has_all_that_is_deleted_with_a_job() -> None:
    """Whoever adds a table whose rows go with a job has to add it to the lines, too."""
    tables, found = [JobExecutionLog], set()
    while tables:
        for relation in tables.pop()._meta.related_objects:
            if relation.on_delete is CASCADE and relation.related_model not in found:
                found.add(relation.related_model)
                tables.append(relation.related_model)
    assert found == {Artifact, Delivery, DeliveryPlan, DownloadLink, JobEvent, JobSplit, Piece}


def test_archives_are_no_larger_than_they_can_be_read(
    old_job: MakeJob, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archiving, "_MAX_BYTES", 1)
    old = {str(old_job().pk) for _ in range(3)}
    archive()
    assert JobArchive.objects.count() == 3 and not JobExecutionLog.objects.exists()
    assert {line["id"] for line in lines(store, "jobs")} == old
    assert verify_log() is None


@pytest.mark.parametrize("harm", ["too large", "another"])
def test_nothing_is_deleted_unless_its_archive_can_be_read(
    old_job: MakeJob, store: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    old_job()
    if harm == "too large":
        monkeypatch.setattr(files, "_MAX_BYTES", 10)
    else:
        publish = FolderStore.publish

        def damaged(self: FolderStore, draft: Path, name: str) -> str:
            stamp = publish(self, draft, name)
            path = store / name
            path.write_bytes(path.read_bytes()[:-1] + b"x")
            return stamp

        monkeypatch.setattr(FolderStore, "publish", damaged)
    entries = AuditLog.objects.count()
    with pytest.raises(ArchiveUnavailable):
        archive()
    assert JobExecutionLog.objects.count() == 1 and AuditLog.objects.count() == entries
    assert not JobArchive.objects.exists()


def test_nothing_is_archived_twice(old_job: MakeJob) -> None:
    old_job()
    assert archive() > 0
    assert archive() == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda job: Artifact.objects.filter(job=job).update(purged_at=None),
        lambda job: add_delivery(job, "pending"),
        lambda job: add_delivery(job, "held"),
    ],
    ids=["its result is there", "something is to be sent", "something is held"],
)
def test_a_job_that_is_not_done_with_stays(old_job: MakeJob, change: Callable[[JobExecutionLog], object]) -> None:
    job = old_job()
    change(job)
    archive()
    assert JobExecutionLog.objects.filter(pk=job.pk).exists()


def test_young_jobs_and_entries_stay(old_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    old_job()
    monkeypatch.setattr(archiving, "limit", lambda: timezone.now() - timedelta(days=1))
    assert archive() == 0


def test_what_has_just_become_old_waits_for_more(old_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    old_job()
    monkeypatch.setattr(archiving, "limit", lambda: timezone.now() + timedelta(hours=5))
    assert archive() == 0
    monkeypatch.setattr(archiving, "_MAX_JOBS", 1)
    assert archive() == 1


def test_a_retried_job_is_archived_after_its_retry(old_job: MakeJob, user: User, store: Path) -> None:
    job, retry = old_job(), old_job()
    JobExecutionLog.objects.filter(pk=retry.pk).update(retry_of=job)
    archive()
    by_id = {line["id"]: line for line in lines(store, "jobs")}
    assert by_id.keys() == {str(job.pk), str(retry.pk)}
    assert by_id[str(retry.pk)]["retry_of_id"] == str(job.pk)


@pytest.mark.parametrize("off", ["days", "deployment"])
def test_archiving_can_be_off(old_job: MakeJob, settings: Settings, off: str) -> None:
    old_job()
    if off == "days":
        settings.HISTORY_DAYS = 0
    else:
        Deployment.objects.create(pk=1, identifier="the original")
    assert archive() == 0


def test_nothing_is_archived_while_the_share_is_not_mounted(old_job: MakeJob, store: Path) -> None:
    old_job()
    FolderStore(store).write_marker("another")
    with pytest.raises(WrongStore):
        archive()
    assert JobExecutionLog.objects.exists()


def test_one_process_at_a_time_archives(old_job: MakeJob) -> None:
    old_job()
    other = turn.Turn()
    assert other.take()
    assert archive() == 0
    other.end()
    assert archive() > 0


def test_a_process_that_lost_its_turn_deletes_nothing(
    old_job: MakeJob, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frozen after it has written the archive, it wakes up when another process has archived."""
    old_job()
    write = files.write

    def freeze(name: str, content: Any) -> Any:
        written = write(name, content)
        HistoryTurn.objects.update(owner="another", pending="")
        return written

    monkeypatch.setattr(files, "write", freeze)
    assert archive() == 0
    assert JobExecutionLog.objects.exists() and not list(lines(store, "jobs"))


def test_a_job_that_changes_meanwhile_is_archived_later(
    old_job: MakeJob, store: Path, monkeypatch: pytest.MonkeyPatch, user: User
) -> None:
    job, write = old_job(), files.write

    def change(name: str, content: Any) -> Any:
        written = write(name, content)
        monkeypatch.setattr(files, "write", write)
        actions.record_event(job, "delivery_retried", {})
        return written

    monkeypatch.setattr(files, "write", change)
    assert archive() == 0
    assert JobExecutionLog.objects.exists()
    archive()
    (line,) = lines(store, "jobs")
    assert line["events"][-1]["kind"] == "delivery_retried"


@pytest.mark.parametrize("table", ["audit_auditlog", "audit_auditarchive"])
@pytest.mark.parametrize("statement", ["delete from {}", "update {} set first_at = first_at"])
def test_the_database_refuses_every_other_deletion(
    archived: JobExecutionLog, user: User, table: str, statement: str
) -> None:
    record(user)
    statement = statement.format(table).replace("first_at", "first_at" if "archive" in table else "timestamp")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
