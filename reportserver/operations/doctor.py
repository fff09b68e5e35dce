"""Examines an installation: what is wrong with it, and how to fix it."""

from __future__ import annotations

import errno
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from django.conf import settings
from django.db import connection

from accounts.models import ApiKey, User
from accounts.names import is_reserved
from audit.actions import SYSTEM
from audit.verification import verify_log
from jobs import deployment
from jobs.clock import Now, from_now
from jobs.delivery.outgoing import count_overdue
from jobs.exceptions import QueueUnavailable, StorageUnavailable, WrongStore
from jobs.history.lag import LATE_SECONDS, lag_seconds
from jobs.models import Delivery, JobExecutionLog, Notice
from jobs.monitoring import workload
from jobs.queue import broker
from jobs.results import store
from reports import crypto
from reports.definitions import SERVERS
from reports.dry_run.source_check import check_source
from reports.exceptions import WrongKey
from reports.models import DataSource, location_rules
from reports.targets.models import DeliveryTarget
from reports.uploads.models import UploadedFile
from reports.uploads.storage import file_path
from reportserver.databases.config import POSTGRESQL_SETTINGS
from reportserver.operations import file_modes, file_systems, memory_group, object_store, schema
from reportserver.operations.stored_secrets import stored_secrets
from schedules.slots import late_slots

#: With less free space than the larger of these, a large result may not fit.
_MIN_FREE_SHARE, _MIN_FREE_BYTES = 0.05, 2_000_000_000
_DAY_SECONDS = 86_400
#: How long before a key expires.
_WARNED_DAYS = 14
_FREE_SPACE = "Free some space, or run manage.py purge_results --older-than DAYS."
_HEADS_REMEDY = (
    "Compare keys/audit_heads and REPORTSERVER_AUDIT_HEADS_FOLDER with a backup. If you know the reason, such as a "
    "restored backup, run manage.py anchor_audit --reason …"
)


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """The state of one part of the installation, and how to fix it."""

    verdict: Verdict
    sentence: str
    remedy: str = ""
    subject: str = ""


def examine() -> Iterator[Finding]:
    """Yield all findings, causes before their consequences."""
    for subject, check in _CHECKS.items():
        try:
            for finding in check():
                yield replace(finding, subject=subject)
        except Exception as error:  # noqa: BLE001 - a check that fails is a finding as well
            yield Finding(Verdict.ERROR, f"The check failed: {error}.", subject=subject)


def _database() -> Iterator[Finding]:
    if sentence := file_systems.not_local():
        yield Finding(Verdict.ERROR, sentence, file_systems.REMEDY)
    if sentence := file_systems.maybe_shared():
        yield Finding(Verdict.WARNING, sentence, file_systems.REMEDY)
    if sentence := schema.not_prepared():
        yield Finding(Verdict.ERROR, sentence, schema.REMEDY)
    else:
        yield Finding(Verdict.OK, f"{connection.display_name} answers, and its schema is up to date.")
    if settings.SQLITE and sqlite3.sqlite_version_info < (3, 51, 3):
        version = sqlite3.sqlite_version
        yield Finding(Verdict.OK, f"SQLite {version} has a bug in its write-ahead log; the server works around it.")


def _connection() -> Iterator[Finding]:
    if settings.SQLITE:
        return
    with connection.cursor() as cursor:
        cursor.execute("select name, setting || coalesce(unit, ''), current_user from pg_settings")
        found = {name: (setting, user) for name, setting, user in cursor.fetchall()}
    for name, wanted in POSTGRESQL_SETTINGS.items():
        setting, user = found[name]
        if setting not in (wanted, f"{wanted.removesuffix('s')}000ms"):
            sentence = f"Connections have {name} = {setting}: a pooler doesn't pass on what the server asks for."
            yield Finding(Verdict.WARNING, sentence, f"Run ALTER ROLE \"{user}\" SET {name} = '{wanted}'.")


def _folders() -> Iterator[Finding]:
    for folder in (Path(settings.DATA_DIR), Path(settings.ARTIFACTS_DIR)):
        if not folder.is_dir():
            yield Finding(Verdict.ERROR, f"{folder} does not exist.", schema.REMEDY)
        elif not _can_write(folder):
            yield Finding(Verdict.ERROR, f"{folder} is full: results can't be written.", _FREE_SPACE)
        else:
            usage = shutil.disk_usage(folder)
            is_low = usage.free < max(_MIN_FREE_BYTES, usage.total * _MIN_FREE_SHARE)
            sentence = f"{folder} has {usage.free / 1e9:,.1f} GB of free space."
            yield Finding(Verdict.WARNING, sentence, _FREE_SPACE) if is_low else Finding(Verdict.OK, sentence)


def _store() -> Iterator[Finding]:
    try:
        store.check()
    except WrongStore as error:
        yield Finding(Verdict.ERROR, error.message, schema.STORE_REMEDY)
    except StorageUnavailable as error:
        yield Finding(Verdict.ERROR, object_store.sentence(error))
    else:
        yield Finding(Verdict.OK, "The store of results is the one that this installation uses.")
        if settings.ARTIFACTS_URL:
            yield from _object_store()


def _object_store() -> Iterator[Finding]:
    problems = list(object_store.problems())
    for problem in problems:
        yield Finding(Verdict.ERROR, problem.sentence, problem.remedy)
    for hint in object_store.hints():
        yield Finding(Verdict.WARNING, hint.sentence, hint.remedy)
    if not problems:
        yield Finding(Verdict.OK, "Objects can be written, read, listed and deleted, and the clocks agree.")


def _can_write(folder: Path) -> bool:
    """False if the disk or the quota has no room for a block."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(4096))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return False
        raise
    return True


def _file_modes() -> Iterator[Finding]:
    exposed = list(file_modes.open_to_others())
    for path in exposed:
        yield Finding(Verdict.WARNING, f"Other users of this machine can use {path}.", f"Run chmod -R go= {path}.")
    if not exposed:
        yield Finding(Verdict.OK, "Other users of this machine can read neither the database nor logs nor results.")


def _memory() -> Iterator[Finding]:
    if group := memory_group.killed_as_a_whole():
        sentence = f"When a job takes too much memory, the kernel kills every process in {group}, other jobs included."
        yield Finding(Verdict.WARNING, sentence, f"Write 0 to {group}/memory.oom.group (systemd: OOMPolicy=continue).")
    else:
        yield Finding(Verdict.OK, "A job that takes too much memory is killed alone.")


def _keys() -> Iterator[Finding]:
    keys = (Path(settings.DATA_DIR) / "keys").glob("*")
    readable = [path for path in keys if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]
    for path in readable:
        yield Finding(Verdict.ERROR, f"Other users of this machine can read {path}.", f"Run chmod 600 {path}.")
    if not readable:
        yield Finding(Verdict.OK, "The keys are all different, long enough, and readable by nobody else.")


def _secrets() -> Iterator[Finding]:
    not_current = [secret for secret in stored_secrets() if not crypto.is_encrypted_with_first_key(secret.token)]
    unreadable = [secret for secret in not_current if not crypto.is_readable(secret.token)]
    for secret in unreadable:
        sentence = f"None of the data keys can read the secret of {secret}."
        remedy = "Add the key it was stored with to REPORTSERVER_DATA_KEY_FALLBACKS, or enter the secret again."
        yield Finding(Verdict.ERROR, sentence, remedy)
    if rotatable := len(not_current) - len(unreadable):
        sentence = f"Stored secrets that only an earlier data key can read: {rotatable}."
        yield Finding(Verdict.WARNING, sentence, "Run manage.py rotate_keys.")
    if not not_current:
        yield Finding(Verdict.OK, "The data key can read all stored secrets.")


def _users() -> Iterator[Finding]:
    reserved = [user for user in User.objects.only("username").order_by("pk") if is_reserved(user.username)]
    for user in reserved:
        sentence = f"User {user.pk} has the reserved name “{user.username}”, which the audit log uses for the server."
        yield Finding(Verdict.WARNING, sentence, "Rename the user in the admin.")
    if not reserved:
        yield Finding(Verdict.OK, "No user has a reserved name.")


def _api_keys() -> Iterator[Finding]:
    valid = ApiKey.objects.filter(revoked_at=None, expires_at__gt=Now(), user__is_active=True)
    soon = list(valid.filter(expires_at__lt=from_now(_WARNED_DAYS * _DAY_SECONDS)).select_related("user"))
    for key in soon:
        sentence = f"The API key “{key.name}” of {key.user.username} expires on {key.expires_at:%Y-%m-%d at %H:%M} UTC."
        remedy = "Create another one for its program, and revoke it when it is no longer used."
        yield Finding(Verdict.WARNING, sentence, remedy)
    if not soon:
        yield Finding(Verdict.OK, f"No API key expires in the next {_WARNED_DAYS} days.")


def _proxies() -> Iterator[Finding]:
    if settings.TRUSTED_PROXIES:
        yield Finding(Verdict.OK, f"Trusted proxies: {', '.join(map(str, settings.TRUSTED_PROXIES))}.")
    elif settings.LOCAL and not settings.BEHIND_PROXY:
        yield Finding(Verdict.OK, "Requests come from this machine.")
    else:
        sentence = "No proxy is trusted. Behind a proxy, all sign-ins would appear to come from its address."
        yield Finding(Verdict.WARNING, sentence, "Set REPORTSERVER_TRUSTED_PROXIES to the proxy's address.")


def _static() -> Iterator[Finding]:
    if (Path(settings.STATIC_ROOT) / "staticfiles.json").exists():
        yield Finding(Verdict.OK, "The pages' styles and scripts are in place.")
    else:
        yield Finding(Verdict.ERROR, "The pages' styles and scripts are missing.", schema.REMEDY)


def _queue() -> Iterator[Finding]:
    if not settings.BROKER_URL:
        yield Finding(Verdict.OK, "Messages to workers go through the database.")
        return
    try:
        yield Finding(Verdict.OK, f"Redis answers. Messages waiting for a worker: {broker.count_messages()}.")
    except QueueUnavailable:
        sentence = "Redis is not responding: new jobs are refused, and queued ones start a little later."
        yield Finding(Verdict.ERROR, sentence, "Start Redis, or correct REPORTSERVER_BROKER_URL.")


def _workers() -> Iterator[Finding]:
    workers = workload.workers()
    if workers.hosts:
        yield Finding(Verdict.OK, f"Hosts with active workers: {len(workers.hosts)}, slots: {workers.slots}.")
        for host in workers.hosts:
            if host.paused_until is not None:
                sentence = f"Host {host.host} takes no jobs until {host.paused_until:%H:%M:%S} UTC. {host.note}"
                yield Finding(Verdict.ERROR, sentence, "Correct that; the host then goes on by itself.")
    else:
        oldest = workload.oldest_queued_at(JobExecutionLog.objects.all())
        queued = f" Jobs have been queued since {oldest:%Y-%m-%d %H:%M} UTC." if oldest else ""
        remedy = "Start workers with manage.py serve or manage.py jobserver."
        yield Finding(Verdict.ERROR, f"No worker is active.{queued}", remedy)


def _sources() -> Iterator[Finding]:
    by_path = DataSource.objects.exclude(location="").filter(is_uploads=False).select_related("tenant")
    missing = [source for source in by_path if not Path(source.location).exists()]
    for source in missing:
        sentence = f"The files of data source {source.slug} of {source.tenant} are not at {source.location}."
        yield Finding(Verdict.ERROR, sentence, "Put them there, or apply definitions with another location.")
    for source in by_path:
        if problem := location_rules(by_operator=source.is_operators).error(source.location):
            sentence = f"Data source {source.slug} of {source.tenant}: {problem}"
            remedy = "Move the files, apply definitions with the location, or add to REPORTSERVER_SOURCE_FOLDERS."
            yield Finding(Verdict.ERROR, sentence, remedy)
    for file in UploadedFile.objects.select_related("source__tenant"):
        if not file_path(file).exists():
            missing.append(file.source)
            sentence = f"The uploaded table {file} of data source {file.source} of {file.source.tenant} is gone."
            yield Finding(Verdict.ERROR, sentence, "Restore REPORTSERVER_UPLOADS_DIR, or upload the file again.")
    if not missing:
        yield Finding(Verdict.OK, "The files of all data sources are in place.")
    for source in DataSource.objects.filter(kind__in=SERVERS).select_related("tenant"):
        yield from _server(source)


def _server(source: DataSource) -> Iterator[Finding]:
    """What a database server says about the account that reads from it."""
    name = f"Data source {source.slug} of {source.tenant}"
    try:
        check = check_source(source.spec(), actor=SYSTEM)
    except WrongKey:  # a finding about secrets
        return
    if check.error:
        yield Finding(Verdict.WARNING, f"{name}: {check.error}", "Test its connection in the admin.")
    for sentence in check.warnings:
        yield Finding(Verdict.WARNING, f"{name}: {sentence}", "Use an account that may only read.")


def _deliveries() -> Iterator[Finding]:
    kinds = set(DeliveryTarget.objects.exclude(version__current_of=None).values_list("kind", flat=True))
    if "email" in kinds and not settings.EMAIL_CONFIGURED:
        sentence = "Some reports are delivered by e-mail, but no mail server is configured."
        yield Finding(
            Verdict.ERROR, sentence, "Set REPORTSERVER_EMAIL_URL, for example to smtp://user:password@host:587."
        )
    if "file_share" in kinds and settings.FILE_SHARE is None:
        sentence = "Some reports are delivered to a file share, but none is configured."
        yield Finding(Verdict.ERROR, sentence, "Set REPORTSERVER_FILE_SHARE to a folder.")
    overdue = count_overdue(Delivery.objects.all()) + count_overdue(Notice.objects.all())
    failed = Delivery.objects.filter(state=Delivery.State.FAILED, ended_at__gt=from_now(-_DAY_SECONDS)).count()
    if overdue or failed:
        pending = f"Deliveries and notices pending for more than ten minutes: {overdue}"
        sentence = f"{pending}; deliveries failed in the last day: {failed}."
        yield Finding(Verdict.WARNING, sentence, "The pages of their jobs show the reasons.")
    else:
        yield Finding(Verdict.OK, "No delivery is overdue, and none failed in the last day.")


def _deployment() -> Iterator[Finding]:
    if deployment.is_suspended():
        yield Finding(
            Verdict.ERROR,
            "The database belongs to another installation, so schedules and deliveries are suspended.",
            "If this is a copy, leave it so. If it replaces the other installation, run manage.py adopt.",
        )
    else:
        yield Finding(Verdict.OK, "The database belongs to this installation.")


def _schedules() -> Iterator[Finding]:
    late = late_slots()
    if late:
        sentence = f"Times of schedules that should have been recorded by now: {late}."
        yield Finding(
            Verdict.ERROR, sentence, "Start manage.py serve or manage.py jobserver; logs/jobs.log has errors."
        )
    else:
        yield Finding(Verdict.OK, "No time of a schedule is late.")


def _audit() -> Iterator[Finding]:
    if failure := verify_log():
        sentence = f"The audit log is broken at entry #{failure.sequence}: {failure.reason}."
        remedy = _HEADS_REMEDY if failure.file else "Somebody changed the table; compare it with a backup."
        yield Finding(Verdict.ERROR, sentence, remedy)
    else:
        yield Finding(Verdict.OK, "The audit log is intact.")


def _history() -> Iterator[Finding]:
    lag = lag_seconds()
    if lag > LATE_SECONDS:
        sentence = f"Jobs or audit entries should have been archived {lag / _DAY_SECONDS:,.0f} days ago."
        remedy = "logs/jobs.log says why: look for archive_history. Start manage.py serve or jobserver if none runs."
        yield Finding(Verdict.WARNING, sentence, remedy)
    elif settings.HISTORY_DAYS:
        yield Finding(Verdict.OK, f"All that is older than {settings.HISTORY_DAYS} days is archived, or will be today.")
    else:
        yield Finding(Verdict.OK, "Jobs and audit entries stay in the database: REPORTSERVER_HISTORY_DAYS is 0.")


_CHECKS: dict[str, Callable[[], Iterator[Finding]]] = {
    "database": _database,
    "connection": _connection,
    "deployment": _deployment,
    "folders": _folders,
    "store": _store,
    "file modes": _file_modes,
    "memory": _memory,
    "keys": _keys,
    "secrets": _secrets,
    "users": _users,
    "API keys": _api_keys,
    "proxies": _proxies,
    "static files": _static,
    "queue": _queue,
    "workers": _workers,
    "data sources": _sources,
    "deliveries": _deliveries,
    "schedules": _schedules,
    "audit log": _audit,
    "history": _history,
}
