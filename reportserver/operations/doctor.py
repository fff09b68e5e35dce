"""Finds what is wrong with an installation, and says how to mend it."""

from __future__ import annotations

import errno
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from audit.verification import verify_log
from jobs.clock import from_now
from jobs.delivery import outbox
from jobs.exceptions import QueueUnavailable
from jobs.models import Delivery, JobExecutionLog, WorkerHost
from jobs.monitoring import counts
from jobs.queue import broker
from reports.models import DataSource, DeliveryTarget

#: Below this share of free space, or these bytes, large results may not find room.
_LEAST_FREE_SHARE, _LEAST_FREE_BYTES = 0.05, 2_000_000_000


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it is, and what to do about it."""

    subject: str
    verdict: Verdict
    sentence: str
    remedy: str = ""


def examine() -> Iterator[Finding]:
    """Every finding, in an order in which an earlier one may explain a later one."""
    for subject, check in _CHECKS.items():
        try:
            yield from check(subject)
        except Exception as error:  # noqa: BLE001 - a check that breaks is itself a finding
            yield Finding(subject, Verdict.FAULT, f"It could not be examined: {error}.")


def _database(subject: str) -> Iterator[Finding]:
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if waiting:
        sentence = f"{len(waiting)} changes of the database's schema are waiting."
        yield Finding(subject, Verdict.FAULT, sentence, "Run manage.py prepare.")
    else:
        yield Finding(subject, Verdict.OK, f"{connection.display_name} answers and its schema is current.")
    if settings.SQLITE and sqlite3.sqlite_version_info < (3, 51, 3):
        sentence = f"SQLite {sqlite3.sqlite_version} has a fault in its write-ahead log; the server works around it."
        yield Finding(subject, Verdict.OK, sentence)


def _folders(subject: str) -> Iterator[Finding]:
    for folder in (Path(settings.DATA_DIR), Path(settings.ARTIFACTS_DIR)):
        if not folder.is_dir():
            yield Finding(subject, Verdict.FAULT, f"{folder} is not there.", "Run manage.py prepare.")
            continue
        if not _can_write(folder):
            remedy = "Free some room there, or run manage.py purge_results --older-than DAYS."
            yield Finding(subject, Verdict.FAULT, f"{folder} is full: results can't be written.", remedy)
            continue
        usage = shutil.disk_usage(folder)
        short = usage.free < max(_LEAST_FREE_BYTES, usage.total * _LEAST_FREE_SHARE)
        verdict = Verdict.WARNING if short else Verdict.OK
        remedy = "Free some, or run manage.py purge_results --older-than DAYS." if short else ""
        yield Finding(subject, verdict, f"{folder} has {usage.free / 1e9:,.1f} GB free.", remedy)


def _can_write(folder: Path) -> bool:
    """Whether the disk takes a page of data more."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(4096))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return False
        raise
    return True


def _keys(subject: str) -> Iterator[Finding]:
    open_to_others = [
        path
        for path in (Path(settings.DATA_DIR) / "keys").glob("*")
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    ]
    for path in open_to_others:
        yield Finding(subject, Verdict.FAULT, f"{path} can be read by others.", f"Run chmod 600 {path}.")
    if not open_to_others:
        yield Finding(subject, Verdict.OK, "The keys differ, are long enough, and nobody else can read them.")


def _static(subject: str) -> Iterator[Finding]:
    there = (Path(settings.STATIC_ROOT) / "staticfiles.json").exists()
    if there:
        yield Finding(subject, Verdict.OK, "The pages' styles and scripts are collected.")
    else:
        yield Finding(subject, Verdict.FAULT, "The pages' styles and scripts are missing.", "Run manage.py prepare.")


def _queue(subject: str) -> Iterator[Finding]:
    if not settings.BROKER_URL:
        yield Finding(subject, Verdict.OK, "Messages to workers are in the database.")
        return
    try:
        yield Finding(
            subject, Verdict.OK, f"Redis answers; messages that wait for a worker: {broker.count_messages()}."
        )
    except QueueUnavailable:
        sentence = "Redis does not answer: no job is accepted, and those that wait are started a little later."
        yield Finding(subject, Verdict.FAULT, sentence, "Start it, or correct REPORTSERVER_BROKER_URL.")


def _workers(subject: str) -> Iterator[Finding]:
    hosts = WorkerHost.objects.alive()
    oldest = counts.oldest_waiting(JobExecutionLog.objects.all())
    if number := hosts.count():
        yield Finding(subject, Verdict.OK, f"Hosts at work: {number}, with places for {hosts.total_slots()} jobs.")
    else:
        waiting = f" and jobs wait since {oldest:%Y-%m-%d %H:%M} UTC" if oldest else ""
        sentence = f"No worker is alive{waiting}."
        yield Finding(subject, Verdict.FAULT, sentence, "Start one with manage.py serve or manage.py jobserver.")


def _sources(subject: str) -> Iterator[Finding]:
    missing = [source for source in DataSource.objects.exclude(location="") if not Path(source.location).exists()]
    for source in missing:
        sentence = f"The files of data source {source.slug} of {source.tenant} are not at {source.location}."
        yield Finding(subject, Verdict.FAULT, sentence, "Put them there, or apply definitions with another location.")
    if not missing:
        yield Finding(subject, Verdict.OK, "The files of every data source are there.")


def _audit(subject: str) -> Iterator[Finding]:
    if found := verify_log():
        sentence = f"The audit log is broken at entry #{found.sequence}: {found.reason}."
        yield Finding(subject, Verdict.FAULT, sentence, "Compare with a backup; somebody wrote to the table.")
    else:
        yield Finding(subject, Verdict.OK, "The audit log is as it was written.")


def _deliveries(subject: str) -> Iterator[Finding]:
    wanted = set(DeliveryTarget.objects.exclude(version__current_of=None).values_list("kind", flat=True))
    if "email" in wanted and not settings.EMAIL_CONFIGURED:
        sentence = "Reports are to be sent by e-mail, but there is no mail server."
        yield Finding(subject, Verdict.FAULT, sentence, "Set REPORTSERVER_EMAIL_URL, as smtp://user:password@host:587.")
    if "file_share" in wanted and settings.FILE_SHARE is None:
        sentence = "Reports are to be put into the file share, but there is none."
        yield Finding(subject, Verdict.FAULT, sentence, "Set REPORTSERVER_FILE_SHARE to its folder.")
    late = outbox.count_overdue()
    lately = Delivery.objects.filter(state="failed", ended_at__gt=from_now(-86400)).count()
    if late or lately:
        sentence = f"Deliveries that wait for more than ten minutes: {late}; given up in the last day: {lately}."
        yield Finding(subject, Verdict.WARNING, sentence, "Their jobs' pages say why.")
    else:
        yield Finding(subject, Verdict.OK, "Nothing waits to be delivered, and nothing was given up in the last day.")


_CHECKS: dict[str, Callable[[str], Iterator[Finding]]] = {
    "database": _database,
    "folders": _folders,
    "keys": _keys,
    "static files": _static,
    "queue": _queue,
    "workers": _workers,
    "data sources": _sources,
    "deliveries": _deliveries,
    "audit log": _audit,
}
