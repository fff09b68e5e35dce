"""manage.py verify_delivery: what was sent to whom, as the audit log has it."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.archive.lines import BadArchive
from audit.archive.port import ArchiveUnavailable
from common.ids import parse_uuid
from jobs.delivery import receipts
from jobs.delivery.receipts import Verified
from jobs.models import JobExecutionLog


class Command(BaseCommand):
    help = (
        "Show the receipts of what was sent of a job, and verify them; with FILE, also that they are about this file. "
        "Exits with 1 if there is none, or something is wrong. verify_audit verifies the whole log."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("job", metavar="JOB", help="the job's id")
        parser.add_argument("file", metavar="FILE", nargs="?", type=Path, help="a file that somebody received")

    def handle(self, *args: object, **options: Any) -> None:
        uuid = parse_uuid(options["job"])
        job = JobExecutionLog.objects.filter(pk=uuid).first() if uuid else None
        if job is None:
            raise CommandError(f"There is no job {options['job']}.")
        try:
            found = receipts.verify(job, _sha256(options["file"]) if options["file"] else None)
        except (BadArchive, ArchiveUnavailable) as error:
            raise CommandError(f"The archives of the audit log can't be used: {error}.") from error
        for receipt in found:
            self._show(receipt)
        if not found:
            self.stderr.write(self.style.ERROR("Nothing was sent of this job."))
        if not found or any(receipt.faults for receipt in found):
            sys.exit(1)

    def _show(self, receipt: Verified) -> None:
        entry, details = receipt.entry, receipt.entry.details
        self.stdout.write(
            f"#{entry.sequence} {entry.timestamp:%Y-%m-%d %H:%M:%S} {details['kind']} to {details['target']}"
        )
        for name in ("report", "version", "slot", "parameters", "rows", "files", "messageId"):
            if details.get(name) is not None:
                self.stdout.write(f"  {name}: {details[name]}")
        for fault in receipt.faults:
            self.stderr.write(self.style.ERROR(f"  Not verified: {fault}."))
        if not receipt.faults:
            self.stdout.write("  Verified.")


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}.") from error
