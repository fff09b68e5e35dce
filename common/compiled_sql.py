"""Statements that Django puts together once.

Building a query and turning it into SQL takes Django several times as long as the database needs to answer it. Where
the same statement is made with every job or every call, it is built here the first time, with places for what changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db import connection
from django.db.models import Expression, Field, Model, QuerySet
from django.db.models.sql import InsertQuery, Query, UpdateQuery

#: By vendor, model, whether the key is given, and the fields whose value is an expression with its type.
_inserts: dict[tuple[object, ...], str] = {}


class Param(Expression):
    """A place in a statement for a value of this field's kind, given by its name when the statement runs."""

    def __init__(self, name: str, field: Field[Any, Any]) -> None:
        super().__init__(output_field=field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        return "%s", [self]

    def stored(self, value: Any) -> Any:
        """The value as the database takes it."""
        return self.output_field.get_db_prep_save(value, connection=connection)


class Statement:
    """A SELECT or an UPDATE of one table. `build` is called once for each kind of database.

    A run is given a value for each of its places; KeyError if one is missing.
    """

    def __init__(self, build: Callable[[], Query]) -> None:
        self._build = build
        self._made: dict[str, tuple[type[Model], str, list[Any]]] = {}

    def fetch(self, **values: Any) -> list[Any]:
        """The model instances that a SELECT finds, with what it did not ask for deferred."""
        model, sql, parameters = self._ready(values)
        return list(model._default_manager.raw(sql, parameters))

    def execute(self, **values: Any) -> int:
        """How many rows an UPDATE has changed."""
        _, sql, parameters = self._ready(values)
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return int(cursor.rowcount)

    def execute_returning(self, **values: Any) -> list[Any]:
        """The rows that an UPDATE has changed, as they are now."""
        model, sql, parameters = self._ready(values)
        return list(model._default_manager.raw(f"{sql} returning *", parameters))

    def _ready(self, values: Mapping[str, Any]) -> tuple[type[Model], str, list[Any]]:
        if connection.vendor not in self._made:
            query: Any = self._build()
            sql, parameters = query.get_compiler(connection=connection).as_sql()
            self._made[connection.vendor] = (query.model, sql, list(parameters))
        model, sql, parameters = self._made[connection.vendor]
        return model, sql, [p.stored(values[p.name]) if isinstance(p, Param) else p for p in parameters]


def params(model: type[Model], *names: str) -> dict[str, Param]:
    """Places for values of these fields."""
    return {name: Param(name, model._meta.get_field(name)) for name in names}  # type: ignore[arg-type]


def update_query(rows: QuerySet[Any], changes: Mapping[str, Any]) -> Query:
    """The UPDATE of these rows."""
    query: Any = rows.query.chain(UpdateQuery)
    query.add_update_values(changes)
    made: Query = query
    return made


def insert(row: Model) -> None:
    """Add the row, as save(force_insert=True) does, without signals; a key that the database gives is not read back.

    Values may be expressions such as Now(); ValueError for one that has parameters of its own.
    """
    values = {field: field.pre_save(row, add=True) for field in _fields(row)}
    computed = tuple((field, type(value)) for field, value in values.items() if _is_expression(value))
    plain = [f.get_db_prep_save(value, connection) for f, value in values.items() if not _is_expression(value)]
    statement = (connection.vendor, type(row), row.pk is None, computed)
    if statement not in _inserts:
        _inserts[statement] = _insert(row, list(values), len(plain))
    with connection.cursor() as cursor:
        cursor.execute(_inserts[statement], plain)
    row._state.adding, row._state.db = False, connection.alias


def _fields(row: Model) -> list[Field[Any, Any]]:
    return [field for field in row._meta.concrete_fields if not field.primary_key or row.pk is not None]


def _is_expression(value: object) -> bool:
    return hasattr(value, "resolve_expression")


def _insert(row: Model, fields: list[Field[Any, Any]], values: int) -> str:
    query = InsertQuery(type(row))
    query.insert_values(fields, [row])
    [(statement, parameters)] = query.get_compiler(connection=connection).as_sql()
    if len(parameters) != values:
        raise ValueError("An expression has parameters, which a statement that is made once can't have.")
    return str(statement)
