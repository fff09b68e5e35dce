"""manage.py move_artifacts: copy all results and archives to another folder or bucket, before the setting changes."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from audit.archive.port import ArchivedFile, ArchiveUnavailable
from jobs.exceptions import ResultMissing, ResultPurged, StorageUnavailable, WrongStore
from jobs.history import files
from jobs.history.recorded import archived_files
from jobs.models import Artifact, WorkerHost
from jobs.results import opening, store
from jobs.results.publishing import StoredFile
from jobs.results.stores.base import Store
from jobs.results.stores.folder import FolderStore
from reportserver import environment

_BATCH = 200
_BLOCK_BYTES = 8 << 20
_COPIED, _THERE, _MISSING = "copied", "there already", "missing or changed"


class Command(BaseCommand):
    help = (
        "Copy all results into another folder or bucket, and compare each with its SHA-256. Can be interrupted and run "
        "again. Run it a last time while no jobserver runs, then change REPORTSERVER_ARTIFACTS_URL."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--to", required=True, metavar="URL", help="a folder, s3://…, gs://… or az://…")

    def handle(self, *args: object, to: str, **options: Any) -> None:
        target = _store_at(to)
        if target == store.current():
            raise CommandError("The results are there already: --to must differ from REPORTSERVER_ARTIFACTS_URL.")
        try:
            _check(target)
            counts, is_final = self._copy_all(target), not WorkerHost.objects.alive().exists()
            if is_final:
                target.write_marker(store.expected_marker())
        except StorageUnavailable as error:
            raise CommandError(f"{error.reason} {error.remedy}".strip() or error.message) from None
        except WrongStore as error:
            raise CommandError(error.message) from None
        except OSError as error:
            raise CommandError(f"A file can't be read or written: {error.strerror}.") from error
        self.stdout.write(", ".join(f"{counts[what]} {what}" for what in (_COPIED, _THERE, _MISSING)) + ".")
        if is_final:
            self.stdout.write(f"Set REPORTSERVER_ARTIFACTS_URL={to} on all hosts and start them.")
        else:
            self.stdout.write("Stop the jobserver of every host and run this again: it then copies what is new.")

    def _copy_all(self, target: Store) -> Counter[str]:
        counts: Counter[str] = Counter()
        artifacts = Artifact.objects.filter(purged_at=None)
        with tqdm(total=artifacts.count(), unit=" results", file=self.stderr, disable=None) as bar:
            for artifact in _in_batches():
                for file in artifact.all_files:
                    what = _copy(artifact, file, target)
                    counts[what] += 1
                    if what == _MISSING:
                        self.stderr.write(f"The {file.format} file of job {artifact.job_id} is {_MISSING}.")
                bar.update()
        for archive in archived_files():
            what = _copy_archive(archive, target)
            counts[what] += 1
            if what == _MISSING:
                self.stderr.write(f"The archive {archive.name} is {_MISSING}.")
        return counts


def _copy_archive(archive: ArchivedFile, target: Store) -> str:
    try:
        return _COPIED if files.copy(archive, target) else _THERE
    except ResultMissing:
        return _MISSING
    except ArchiveUnavailable as error:
        raise CommandError(str(error)) from None


def _store_at(place: str) -> Store:
    try:
        url = environment.object_store_url("--to", place)
        return store.at(url or environment.created_folder("--to", Path(place).resolve()))
    except ImproperlyConfigured as error:
        raise CommandError(str(error)) from None


def _check(target: Store) -> None:
    store.check()
    if target.read_marker() not in ("", store.expected_marker()):
        raise CommandError("The store at --to belongs to another installation. Choose another folder or prefix.")
    target.try_writing()


def _in_batches() -> Iterator[Artifact]:
    last = 0
    # No cursor may be open for long: on SQLite it would keep the log from being shortened.
    while batch := list(
        Artifact.objects.filter(purged_at=None, pk__gt=last).select_related("job__split").order_by("pk")[:_BATCH]
    ):
        yield from batch
        last = batch[-1].pk


def _copy(artifact: Artifact, file: StoredFile, target: Store) -> str:
    """Copy one file, and keep its new stamp if the target is about to be used. Return what was done."""
    name = opening.name_of(artifact.job, artifact, file)
    stamp, what = _verified_stamp(file, target, name), _THERE
    if not stamp:
        try:
            draft = _verified_draft(artifact, file, target, name)
        except (ResultMissing, ResultPurged):
            return _MISSING
        target.publish(draft, name)
        # All of it is read again: what is in the other store may soon be the only copy.
        stamp, what = _verified_stamp(file, target, name), _COPIED
        if not stamp:
            raise CommandError(
                f"The store at --to returns another {file.format} file of job {artifact.job_id} than was written. "
                "Check the store and run this again."
            )
    if not WorkerHost.objects.alive().exists():
        # Otherwise the first download would have to read all of it before it sends the first byte.
        opening.store_stamp(artifact, replace(file, stamp=stamp))
    return what


def _verified_stamp(file: StoredFile, target: Store, name: str) -> str:
    """The stamp of the target's file, all of which is read; empty if it isn't there or has other content."""
    try:
        opened = target.open_verified(name, size=file.size, sha256=file.sha256, stamp="")
    except ResultMissing:
        return ""
    opened.file.close()
    return opened.stamp


def _verified_draft(artifact: Artifact, file: StoredFile, target: Store, name: str) -> Path:
    """Copy a file to where the target can publish it. Raise ResultMissing if its SHA-256 is another one."""
    folder = (target.folder / name).parent if isinstance(target, FolderStore) else Path(settings.DATA_DIR)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with (
        opening.open_result(artifact.job, artifact, file) as source,
        tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as draft,
    ):
        while block := source.read(_BLOCK_BYTES):
            digest.update(block)
            draft.write(block)
        draft.flush()
        os.fsync(draft.fileno())
    if digest.hexdigest() != file.sha256:
        Path(draft.name).unlink()
        raise ResultMissing
    return Path(draft.name)
