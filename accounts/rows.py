"""Adding a row of the tables that grow with every call.

Django puts an INSERT together anew for every row, which takes it several times as long as the database needs for it.
Here it does so once for each table.
"""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.models import Field, Model
from django.db.models.sql import InsertQuery

#: By vendor, model, whether the key is given, and the fields whose value is an expression with its type.
_statements: dict[tuple[object, ...], str] = {}


def insert(row: Model) -> None:
    """Add the row, as save(force_insert=True) does, without signals; a key that the database gives is not read back.

    Values may be expressions such as Now(); ValueError for one that has parameters of its own.
    """
    given = {field: field.pre_save(row, add=True) for field in _fields(row)}
    computed = tuple((field, type(value)) for field, value in given.items() if _is_expression(value))
    values = [f.get_db_prep_save(value, connection) for f, value in given.items() if not _is_expression(value)]
    statement = (connection.vendor, type(row), row.pk is None, computed)
    if statement not in _statements:
        _statements[statement] = _compiled(row, list(given), len(values))
    with connection.cursor() as cursor:
        cursor.execute(_statements[statement], values)
    row._state.adding, row._state.db = False, connection.alias


def _fields(row: Model) -> list[Field[Any, Any]]:
    return [field for field in row._meta.concrete_fields if not field.primary_key or row.pk is not None]


def _is_expression(value: object) -> bool:
    return hasattr(value, "resolve_expression")


def _compiled(row: Model, fields: list[Field[Any, Any]], values: int) -> str:
    query = InsertQuery(type(row))
    query.insert_values(fields, [row])
    [(statement, parameters)] = query.get_compiler(connection=connection).as_sql()
    if len(parameters) != values:
        raise ValueError("An expression has parameters, which a statement that is made once can't have.")
    return str(statement)
