"""SQL statements that Django compiles only once.

Building a query and compiling it to SQL takes Django several times as long as the database needs to run it. A statement
that every job or call needs is therefore compiled at its first use and run with other values from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Expression, Field, Model, QuerySet
from django.db.models.sql import InsertQuery, Query, UpdateQuery


class Param(Expression):
    """A named parameter of a statement. Its values are converted as those of `field` are."""

    def __init__(self, name: str, field: Field[Any, Any]) -> None:
        super().__init__(output_field=field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        # The compiled statement contains the parameter itself; each run replaces it with a value.
        return "%s", [self]

    def to_db(self, value: Any) -> Any:
        return self.output_field.get_db_prep_save(value, connection=connection)


class _Compiled(NamedTuple):
    model: type[Model]
    sql: str
    #: Constants of the query, and Params.
    parameters: list[Any]


class Statement:
    """A SELECT or UPDATE of one table. `build` is called once per database vendor.

    Each run takes a value for every Param by its name. Raises KeyError if one is missing.
    """

    def __init__(self, build: Callable[[], Query]) -> None:
        self._build = build
        self._compiled: dict[str, _Compiled] = {}

    def fetch(self, **values: Any) -> list[Any]:
        """Run a SELECT. Returns model instances; fields that it didn't select are deferred."""
        model, sql, parameters = self._bind(values)
        return list(model._default_manager.raw(sql, parameters))

    def execute(self, **values: Any) -> int:
        """Run an UPDATE. Returns the number of rows it changed."""
        _, sql, parameters = self._bind(values)
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return int(cursor.rowcount)

    def execute_returning(self, **values: Any) -> list[Any]:
        """Run an UPDATE. Returns the rows it changed, with their new values."""
        model, sql, parameters = self._bind(values)
        return list(model._default_manager.raw(f"{sql} returning *", parameters))

    def _bind(self, values: Mapping[str, Any]) -> _Compiled:
        if connection.vendor not in self._compiled:
            query: Any = self._build()
            sql, parameters = query.get_compiler(connection=connection).as_sql()
            self._compiled[connection.vendor] = _Compiled(query.model, sql, list(parameters))
        model, sql, parameters = self._compiled[connection.vendor]
        return _Compiled(model, sql, [p.to_db(values[p.name]) if isinstance(p, Param) else p for p in parameters])


def params(model: type[Model], *names: str) -> dict[str, Param]:
    """A Param for each of these fields, by its name."""
    return {name: Param(name, model._meta.get_field(name)) for name in names}  # type: ignore[arg-type]


def update_query(rows: QuerySet[Any], changes: Mapping[str, Any]) -> Query:
    """The query of `rows.update(**changes)`, without running it."""
    query: Any = rows.query.chain(UpdateQuery)
    query.add_update_values(changes)
    return query  # type: ignore[no-any-return]


#: By vendor, model, whether the key is set, and the fields whose value is an expression with the expression's type.
_inserts: dict[tuple[object, ...], str] = {}


def insert(row: Model) -> None:
    """Insert the row like `save(force_insert=True)`, but without signals and without reading back a generated key.

    Values may be expressions such as Now(). Raises ValueError for an expression with parameters.
    """
    fields = [field for field in row._meta.concrete_fields if not field.primary_key or row.pk is not None]
    expressions, parameters = [], []
    for field in fields:
        value = field.pre_save(row, add=True)
        if hasattr(value, "resolve_expression"):
            expressions.append((field, type(value)))
        else:
            parameters.append(field.get_db_prep_save(value, connection))
    key = (connection.vendor, type(row), row.pk is None, *expressions)
    if key not in _inserts:
        query = InsertQuery(type(row))
        query.insert_values(fields, [row])
        [(sql, compiled_parameters)] = query.get_compiler(connection=connection).as_sql()
        if len(compiled_parameters) != len(parameters):
            # They would be those of this row in every later insert.
            raise ValueError("An expression has parameters, which a statement that is compiled once can't have.")
        _inserts[key] = str(sql)
    with connection.cursor() as cursor:
        cursor.execute(_inserts[key], parameters)
    row._state.adding, row._state.db = False, connection.alias
