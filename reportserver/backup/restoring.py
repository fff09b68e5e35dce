"""Restores a backup into an empty installation."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db import connection, connections
from django.db.migrations.loader import MigrationLoader

from audit.heads.keeping import own_files
from reportserver.backup import database
from reportserver.backup.manifest import BadBackup, Manifest
from reportserver.backup.writing import ARTIFACTS, HEADS, KEYS, UPLOADS, is_usable_folder
from reportserver.keys import NAMES

_DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


class RestoreRefused(Exception):
    """The backup can't be restored here. The message is a sentence that says what to do."""


def restore_backup(folder: Path) -> Iterator[str]:
    """Restore a backup, and verify what was restored. Yield what was done, as sentences.

    Raise BadBackup if the backup is not as it was written, RestoreRefused if this installation is not empty or can't
    take it, both before anything is changed.
    """
    manifest = Manifest.read(folder)
    yield f"The backup of {manifest.created_at} is intact: {len(manifest.files)} files."
    _require_fitting(folder, manifest)
    _restore_keys(folder)
    for name, target in ((UPLOADS, Path(settings.UPLOADS_DIR)), (ARTIFACTS, Path(settings.ARTIFACTS_DIR))):
        if (folder / name).is_dir():
            shutil.copytree(folder / name, target, dirs_exist_ok=True)
    database.fill(folder, manifest.migrations)
    _compare(manifest)
    yield f"{sum(manifest.rows.values()):,} rows and all files are restored."
    # In processes of their own, since this one has other keys.
    _run("migrate", "--no-input", "--verbosity", "0")
    yield _run("verify_audit").strip()
    if manifest.artifacts_url:
        yield f"Results and archives are not part of the backup: they are in {manifest.artifacts_url}."


def _require_fitting(folder: Path, manifest: Manifest) -> None:
    """Raise RestoreRefused unless this installation is empty and can take the backup."""
    if manifest.vendor != connection.vendor:
        kind = _DATABASES[manifest.vendor]
        raise RestoreRefused(f"The backup is of {kind}. Set REPORTSERVER_DATABASE_URL to an empty database of {kind}.")
    if unknown := {tuple(key) for key in manifest.migrations} - set(MigrationLoader(None).disk_migrations):
        app, name = min(unknown)
        raise RestoreRefused(
            f"A later version of the server wrote the backup: it has {app}.{name}. Install that version."
        )
    if manifest.artifacts_url and manifest.artifacts_url != settings.ARTIFACTS_URL:
        raise RestoreRefused(
            f"The results are in {manifest.artifacts_url}. Set REPORTSERVER_ARTIFACTS_URL to it, or to a copy's URL."
        )
    if settings.ARTIFACTS_URL and not manifest.artifacts_url:
        raise RestoreRefused("The backup has the results as files. Restore it without REPORTSERVER_ARTIFACTS_URL.")
    if not database.is_empty():
        raise RestoreRefused("The database is not empty. Nothing was changed; restore into an empty one.")
    for target in (Path(settings.UPLOADS_DIR), Path(settings.ARTIFACTS_DIR)):
        if not is_usable_folder(target):
            raise RestoreRefused(f"{target} is not empty. Nothing was changed; restore into an empty data folder.")
    if own_files()[0].path.exists():
        raise RestoreRefused(f"{own_files()[0].path} belongs to another database. Restore into an empty data folder.")
    for name in NAMES:
        in_environment = os.environ.get(f"REPORTSERVER_{name}")
        if in_environment and in_environment != (folder / KEYS / name.lower()).read_text().strip():
            raise RestoreRefused(f"REPORTSERVER_{name} is not the key of the backup. Take the one in its folder keys.")


def _restore_keys(folder: Path) -> None:
    """Put the keys in place of those that the start of this program has generated. The copy gets an id of its own."""
    keys = Path(settings.DATA_DIR) / "keys"
    keys.mkdir(mode=0o700, exist_ok=True)
    for source in sorted((folder / KEYS).iterdir()):
        _write(keys / source.name, source.read_text())
    if (folder / HEADS).exists():
        heads = own_files()[0].path
        _write(heads, (folder / HEADS).read_text())
        # Another id than the original's, whose copy in a folder that all hosts share stays its own.
        _write(heads.with_name(f"{heads.name}.id"), secrets.token_hex(8))
    identifier = Path(settings.DATA_DIR) / "deployment_id"
    if identifier.exists():
        _write(identifier, f"{secrets.token_urlsafe(32)}\n")


def _write(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text)


def _compare(manifest: Manifest) -> None:
    found = database.row_counts()
    for table, rows in manifest.rows.items():
        if table != database.BELONGING and found.get(table) != rows:
            raise BadBackup(f"The table {table} has {found.get(table, 0)} rows after the restore, not {rows}.")


def _run(*command: str) -> str:
    """Run a command in a process that reads the restored keys. Return its output. Raise BadBackup if it fails."""
    connections.close_all()
    result = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "django", *command],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "reportserver.settings", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise BadBackup(f"{command[0]} failed after the restore: {result.stderr.strip()}")
    return result.stdout
