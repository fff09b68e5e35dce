"""Uploading, restoring and deleting files: each in one transaction with its audit entry, or not at all."""

from __future__ import annotations

import re
import shutil
import unicodedata
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import file_digest
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Sum
from django.utils import timezone

from accounts.models import User
from audit import actions as audit
from audit.actions import PendingEntry, actor_name
from audit.models import Action
from common.children.messages import ChildLimits
from reports.definitions.errors import invalid_definition
from reports.dry_run.limited import run_in_child
from reports.exceptions import DryRunLost, QueryFailed, QueryTimeout, SourceNotFound, TableNotFound
from reports.models import DataSource
from reports.uploads import storage
from reports.uploads.models import UploadedFile
from reports.uploads.tasks import MEMORY_BYTES, READ_SECONDS, SUFFIXES, FoundTable, Inspection, inspect_upload

#: Versions of a table that are kept, the current one included.
KEPT_VERSIONS = 5
#: Tables of one data source.
MAX_TABLES = 200
_MAX_NAME = 60
_LIMITS = ChildLimits(seconds=READ_SECONDS + 10, memory_bytes=2 * MEMORY_BYTES, file_bytes=2 << 30)
_TOO_MUCH = "The file is too large to read within the server's limits. Split it, or upload CSV or Parquet."


def upload_file(
    *, source: DataSource, filename: str, chunks: Iterable[bytes], table: str, actor: User
) -> list[UploadedFile]:
    """Store the tables of a file; a table that exists gets a new version. Returns the versions.

    `table` is the name to use in place of the file's; of several sheets, it is the beginning. Raises InvalidDefinition
    for a file that can't be used, and DryRunBusy.
    """
    if not source.is_uploads:
        raise invalid_definition({"file": ["Files can only be uploaded to a data source of uploaded files."]})
    storage.delete_stray(source.pk)
    with _draft_folder(source) as folder:
        draft = folder / "upload"
        _write(draft, chunks)
        found = _inspected(draft, folder, actor)
        names = _table_names(table or Path(filename).stem, found)
        return _store(source, filename, dict(zip(names, found, strict=True)), actor)


def restore_file(*, source: DataSource, table: str, number: int, actor: User) -> UploadedFile:
    """Store an earlier version again, as a new one. Raises TableNotFound, UploadLost."""
    with transaction.atomic():
        _lock(source)
        old = source.files.filter(table=table, number=number).first()
        if old is None:
            raise TableNotFound
        new = UploadedFile.objects.get(pk=old.pk)
        new.pk, new.number, new._state.adding = uuid.uuid4(), _next_number(source, table), True
        new.uploaded_at, new.uploaded_by = timezone.now(), actor_name(actor)
        storage.link(old, new)
        new.save()
        _delete_old_versions(source, table)
        audit.record_all([_entry(Action.FILE_UPLOAD, new, restored=number)], actor)
    return new


def delete_table(*, source: DataSource, table: str, actor: User) -> None:
    """Delete all versions of a table. Queries that read it fail. Raises TableNotFound."""
    with transaction.atomic():
        _lock(source)
        files = list(source.files.filter(table=table))
        if not files:
            raise TableNotFound
        for file in files:
            _delete(file)
        audit.record_all([_entry(Action.FILE_DELETE, files[0], versions=len(files))], actor)


@contextmanager
def _draft_folder(source: DataSource) -> Iterator[Path]:
    folder = storage.source_folder(source.pk) / f"draft-{uuid.uuid4()}"
    folder.mkdir(parents=True, mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(draft: Path, chunks: Iterable[bytes]) -> None:
    size = 0
    with draft.open("xb") as file:
        for chunk in chunks:
            size += len(chunk)
            if size > settings.UPLOAD_BYTES:
                raise invalid_definition({"file": [too_large()]})
            file.write(chunk)


def too_large() -> str:
    return f"The file is larger than {settings.UPLOAD_BYTES >> 20} MB, the most that this server takes."


def _inspected(draft: Path, folder: Path, actor: User) -> list[FoundTable]:
    try:
        found = run_in_child(inspect_upload, str(draft), str(folder), actor=actor, limits=_LIMITS)
    except (QueryFailed, QueryTimeout, DryRunLost):
        found = Inspection(fault=_TOO_MUCH)
    if found.fault:
        raise invalid_definition({"file": [found.fault]})
    # A damaged child must not name a file elsewhere, or choose where it is stored.
    if any(Path(table.path).parent != folder or table.suffix not in SUFFIXES for table in found.tables):
        raise invalid_definition({"file": [_TOO_MUCH]})
    return found.tables


def _table_names(base: str, found: list[FoundTable]) -> list[str]:
    """A name for each table, as queries can use it without quotes. Raises InvalidDefinition."""
    if len(found) == 1:
        return [table_name(base)]
    names = [table_name(f"{base} {table.sheet}") for table in found]
    if len(set(names)) < len(names):
        raise invalid_definition({"file": ["Two sheets would become tables of the same name. Rename one."]})
    return names


def table_name(text: str) -> str:
    """The text as the name of a table: small letters, digits and _."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:_MAX_NAME].strip("_")
    return name if name and not name[0].isdigit() else f"t_{name}" if name else "table1"


def _store(source: DataSource, filename: str, tables: dict[str, FoundTable], actor: User) -> list[UploadedFile]:
    stored: list[UploadedFile] = []
    with transaction.atomic():
        _lock(source)
        _check_room(source, tables)
        for name, found in tables.items():
            file = _new_version(source, filename, name, found, actor)
            # Before the commit: a row must never name a file that isn't there.
            storage.store(Path(found.path), file)
            file.save(force_insert=True)
            _delete_old_versions(source, name)
            stored.append(file)
        audit.record_all([_entry(Action.FILE_UPLOAD, file, filename=file.filename) for file in stored], actor)
    return stored


def _new_version(source: DataSource, filename: str, table: str, found: FoundTable, actor: User) -> UploadedFile:
    path = Path(found.path)
    with path.open("rb") as content:
        digest = file_digest(content, "sha256").hexdigest()
    return UploadedFile(
        source=source,
        table=table,
        number=_next_number(source, table),
        filename=filename.replace("\0", "")[-255:],
        suffix=found.suffix,
        size=path.stat().st_size,
        rows=found.rows,
        sha256=digest,
        uploaded_at=timezone.now(),
        uploaded_by=actor_name(actor),
    )


def _check_room(source: DataSource, tables: dict[str, FoundTable]) -> None:
    """Raise InvalidDefinition if the tables would be too many or too large together."""
    existing = set(source.files.values_list("table", flat=True))
    if len(existing | set(tables)) > MAX_TABLES:
        raise invalid_definition({"file": [f"A data source can have at most {MAX_TABLES} tables."]})
    used = UploadedFile.objects.filter(source__tenant=source.tenant_id).aggregate(bytes=Sum("size"))["bytes"] or 0
    new = sum(Path(table.path).stat().st_size for table in tables.values())
    if used + new > settings.UPLOADS_BYTES_OF_TENANT:
        limit = settings.UPLOADS_BYTES_OF_TENANT >> 20
        raise invalid_definition({"file": [f"The organization's files would take more than {limit} MB. Delete some."]})


def _next_number(source: DataSource, table: str) -> int:
    return (source.files.filter(table=table).aggregate(last=Max("number"))["last"] or 0) + 1


def _delete_old_versions(source: DataSource, table: str) -> None:
    for file in source.files.filter(table=table).order_by("-number")[KEPT_VERSIONS:]:
        _delete(file)


def _delete(file: UploadedFile) -> None:
    transaction.on_commit(partial(storage.delete_version, file.source_id, file.pk))
    UploadedFile.objects.filter(pk=file.pk).delete()


def _lock(source: DataSource) -> None:
    """Keep others from changing the source's files until the transaction ends. Raises SourceNotFound."""
    if not DataSource.objects.select_for_update().filter(pk=source.pk).values_list("pk"):
        raise SourceNotFound


def _entry(action: Action, file: UploadedFile, **details: object) -> PendingEntry:
    source = file.source
    details = {"source": source.slug, "table": file.table, "version": file.number, "size": file.size, **details}
    return PendingEntry(action, source.tenant_id, ("data source", source.pk), details)
