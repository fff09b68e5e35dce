"""Receipts: entries of the audit log that bind what was sent to whom, and why."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from audit import chain
from audit.archive.reading import archived_entries
from audit.key import signing_key
from audit.models import Action, AuditLog
from jobs.delivery.models import Delivery
from jobs.models import JobExecutionLog


def message_id(delivery_id: object) -> str:
    """The Message-ID of a mail: the same in each attempt, so that mail programs can recognize a duplicate."""
    return f"<{delivery_id}@{urlsplit(settings.PUBLIC_URL).hostname}>"


def receipt(delivery: Delivery) -> dict[str, Any]:
    """Return what the entry of a delivery that was sent says besides the delivery itself."""
    job, result = delivery.job, delivery.job.result
    return {
        "recipient": delivery.target,
        "messageId": message_id(delivery.pk) if delivery.kind == "email" else str(delivery.pk),
        "report": job.report_slug,
        "version": job.version_number,
        "schedule": str(delivery.schedule) if delivery.schedule else None,
        "slot": (delivery.options or {}).get("slot"),
        "parameters": job.parameters,
        "rows": result.rows if result else None,
        "sha256": result.sha256 if result else None,
        "files": {file.format: file.sha256 for file in result.files} if result else {},
    }


@dataclass(frozen=True)
class Verified:
    """A receipt, and what is wrong with it; empty if nothing is."""

    entry: AuditLog
    faults: list[str]


def verify(job: JobExecutionLog, sha256: str | None = None) -> list[Verified]:
    """Return the receipts of a job, the first one first. `sha256`: of a file that each of them should be about.

    Raise BadArchive, or ArchiveUnavailable.

    Each entry is checked against its own hash; verify_audit checks that the log has all entries.
    """
    archived = archived_entries(str(job.pk), since=job.queued_at)
    stored = AuditLog.objects.filter(target_type="job", target_id=str(job.pk), action=Action.DELIVERY_SENT)
    entries = itertools.chain(
        (entry for entry in archived if (entry.target_type, entry.action) == ("job", Action.DELIVERY_SENT)),
        stored.order_by("sequence"),
    )
    return [Verified(entry, list(_faults(entry, job, sha256))) for entry in entries]


def _faults(entry: AuditLog, job: JobExecutionLog, sha256: str | None) -> Any:
    expected = chain.entry_hash(signing_key(), entry.sequence, entry.previous_hash, entry.content())
    if expected != entry.hash:
        yield "the entry was changed"
    details = entry.details
    if "sha256" not in details:
        yield "an earlier version of the server wrote it, without a receipt"
        return
    artifact = getattr(job, "artifact", None)
    if artifact and details["files"] != {file.format: file.sha256 for file in artifact.files}:
        yield "the stored result is another one"
    if details["parameters"] != job.parameters or details["version"] != job.version_number:
        yield "the job has another version or other parameters"
    if sha256 and sha256 not in details["files"].values():
        yield "another file was sent"
