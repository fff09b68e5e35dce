"""Copies of the database: of SQLite as a file, of PostgreSQL as the rows of each table, both as of one moment."""

from __future__ import annotations

import gzip
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from django.apps import apps
from django.conf import settings
from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.recorder import MigrationRecorder

from common.files import sync_folder
from jobs.models import Deployment

FOLDER = "database"
_SQLITE_FILE = "reportserver.sqlite3"
#: What a restored database belongs to, even if this installation has the id of the original, until somebody adopts it.
#: Without the model: the copy may have the table of an earlier version.
BELONGING = Deployment._meta.db_table
_BELONGS_TO_NOBODY = f"""insert into {BELONGING} (id, identifier) values (1, 'restored-{secrets.token_hex(16)}')
on conflict (id) do update set identifier = excluded.identifier"""  # noqa: S608


@contextmanager
def snapshot(folder: Path) -> Iterator[None]:
    """Write a copy into the folder. Within, `connection` of Django reads the data as of the same moment."""
    (folder / FOLDER).mkdir(mode=0o700)
    if connection.vendor == "sqlite":
        with _sqlite_copy(folder / FOLDER / _SQLITE_FILE):
            yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("set transaction isolation level repeatable read read only")
            cursor.execute("set local idle_in_transaction_session_timeout = 0")
        for table in tables():
            _copy_out(table, folder / FOLDER / f"{table}.copy.gz")
        yield


@contextmanager
def _sqlite_copy(path: Path) -> Iterator[None]:
    """Copy the file while others write, and let Django read the copy meanwhile."""
    connection.ensure_connection()
    target = sqlite3.connect(path)
    try:
        # In one step: one that others' writes interrupt begins again. With a write-ahead log they needn't wait.
        connection.connection.backup(target)
        if target.execute("pragma integrity_check").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("The copy of the database is damaged.")
    finally:
        target.close()
    original = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = str(path)
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = original
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)


def tables() -> list[str]:
    return sorted(connection.introspection.table_names())


def row_counts() -> dict[str, int]:
    counts = {}
    with connection.cursor() as cursor:
        for table in tables():
            cursor.execute(f"select count(*) from {connection.ops.quote_name(table)}")  # noqa: S608
            counts[table] = int(cursor.fetchone()[0])
    return counts


def is_empty() -> bool:
    """True if the database has no table yet."""
    if connection.vendor == "sqlite" and not Path(settings.DATABASES["default"]["NAME"]).exists():
        return True
    return not tables()


def fill(folder: Path, migrations: list[list[str]]) -> None:
    """Fill the empty database from a copy, which belongs to nobody yet. `migrations`: those that the copy has.

    All of it or nothing: no server that runs already, or starts after this process was killed, sends anything.
    """
    if connection.vendor == "sqlite":
        connection.close()
        _fill_file(folder / FOLDER / _SQLITE_FILE, Path(settings.DATABASES["default"]["NAME"]))
        return
    executor = MigrationExecutor(connection)
    executor.migrate(_last_of_each_app(executor.loader.graph, {(app, name) for app, name in migrations}))
    with transaction.atomic():
        found = [path.name.removesuffix(".copy.gz") for path in sorted((folder / FOLDER).glob("*.copy.gz"))]
        with connection.cursor() as cursor:
            for table in found:
                # What migrations have written. Triggers refuse to delete from the log, which is empty.
                cursor.execute(f"select exists (select from {connection.ops.quote_name(table)})")  # noqa: S608
                if cursor.fetchone()[0]:
                    cursor.execute(f"delete from {connection.ops.quote_name(table)}")  # noqa: S608
        for table in found:
            _copy_in(table, folder / FOLDER / f"{table}.copy.gz")
        _reset_sequences()
        with connection.cursor() as cursor:
            cursor.execute(_BELONGS_TO_NOBODY)


def _last_of_each_app(graph: MigrationGraph, migrations: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """The migrations that bring the schema to where these are applied: one for each app."""
    known = migrations & set(graph.nodes)
    followed = {parent.key for key in known for parent in graph.node_map[key].parents if parent.key[0] == key[0]}
    return sorted(known - followed)


def _fill_file(source: Path, target: Path) -> None:
    # In a new folder: what an interrupted restore has left beside a draft would be taken for a part of the next one.
    with TemporaryDirectory(prefix="restoring-", dir=target.parent) as folder:
        draft = Path(folder) / target.name
        shutil.copyfile(source, draft)
        # Not by a rename: another process may have the empty file open, and files beside it are a part of it.
        with closing(sqlite3.connect(draft)) as copy, closing(sqlite3.connect(target)) as database:
            with copy:
                copy.execute(_BELONGS_TO_NOBODY)
            copy.backup(database)
    target.chmod(0o600)
    sync_folder(target.parent)


def _copy_out(table: str, path: Path) -> None:
    columns = _columns(table)
    with gzip.open(path, "wb", compresslevel=3) as file, connection.cursor() as cursor:
        file.write((columns + "\n").encode())
        with cursor.copy(f"copy {connection.ops.quote_name(table)} ({columns}) to stdout") as rows:
            for block in rows:
                file.write(block)


def _copy_in(table: str, path: Path) -> None:
    with gzip.open(path, "rb") as file, connection.cursor() as cursor:
        columns = file.readline().decode().strip()
        with cursor.copy(f"copy {connection.ops.quote_name(table)} ({columns}) from stdin") as rows:
            while block := file.read(1 << 20):
                rows.write(block)


def _columns(table: str) -> str:
    with connection.cursor() as cursor:
        described = connection.introspection.get_table_description(cursor, table)
    return ", ".join(connection.ops.quote_name(column.name) for column in described)


def _reset_sequences() -> None:
    models = [model for model in apps.get_models(include_auto_created=True) if model._meta.managed]
    models.append(MigrationRecorder(connection).Migration)
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), models):
            cursor.execute(statement)
