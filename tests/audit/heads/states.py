"""All that the audit log consists of: rows, head and check in the database, and the file outside of it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection
from django.db.models import Model

from audit.heads.keeping import own_files
from audit.models import AuditCheck, AuditHead, AuditLog

Row = tuple[object, ...]
_TABLES = {"rows": AuditLog, "head": AuditHead, "check": AuditCheck}


@dataclass(frozen=True)
class State:
    rows: tuple[Row, ...]
    head: tuple[Row, ...]
    check: tuple[Row, ...]
    #: The file beside the keys. None if there is none.
    file: str | None


def current_state() -> State:
    path = own_files()[0].path
    tables = {name: tuple(_read(model)) for name, model in _TABLES.items()}
    return State(**tables, file=path.read_text() if path.exists() else None)


def put(state: State) -> None:
    """Make the log this state, like somebody who can write to the database and to the file."""
    for name, model in _TABLES.items():
        _write(model, getattr(state, name))
    path = own_files()[0].path
    path.unlink(missing_ok=True)
    if state.file is not None:
        path.write_text(state.file, encoding="utf-8")


def columns(model: type[Model] = AuditLog) -> list[str]:
    return [field.column for field in model._meta.concrete_fields]


def _read(model: type[Model]) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(f"select {', '.join(columns(model))} from {model._meta.db_table} order by 1")
        return [tuple(row) for row in cursor.fetchall()]


def _write(model: type[Model], rows: tuple[Row, ...]) -> None:
    names = columns(model)
    with connection.cursor() as cursor:
        cursor.execute(f"delete from {model._meta.db_table}")
        for row in rows:
            places = ", ".join(["%s"] * len(row))
            cursor.execute(f"insert into {model._meta.db_table} ({', '.join(names)}) values ({places})", row)
