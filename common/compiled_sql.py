"""SQL statements that Django compiles only once.

Building a query and compiling it to SQL takes Django several times as long as the database needs to run it. A statement
that every job or call needs is therefore compiled at its first use and run with other values from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS, connection, connections
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
        return fetch_models(model, sql, parameters)

    def execute(self, **values: Any) -> int:
        """Run an UPDATE. Returns the number of rows it changed."""
        _, sql, parameters = self._bind(values)
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return int(cursor.rowcount)

    def execute_returning(self, **values: Any) -> list[Any]:
        """Run an UPDATE. Returns the rows it changed, with their new values."""
        model, sql, parameters = self._bind(values)
        return fetch_models(model, f"{sql} returning *", parameters)

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


class _RowReader(NamedTuple):
    """How rows with certain columns become instances of a model."""

    #: The fields that were selected, in the order of the model, and the column of each.
    fields: list[str]
    columns: list[int]
    #: Name and column of each value that is no field.
    annotations: list[tuple[str, int]]
    #: Column, converter, and the expression that it takes, in the order in which they convert.
    converters: list[tuple[int, Callable[..., Any], Any]]


#: By vendor, model and names of the columns.
_row_readers: dict[tuple[object, ...], _RowReader] = {}


def fetch_models(model: type[Model], sql: str, parameters: Sequence[Any]) -> list[Any]:
    """Run a SELECT. Returns instances of the model, like `Manager.raw`.

    Fields that it didn't select are deferred; further columns become attributes. `raw` looks up how values are
    converted anew for each statement, which takes several times as long as the database.
    """
    # The proxy `connection` looks up the thread's connection with each access.
    database = connections[DEFAULT_DB_ALIAS]
    with database.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows = cursor.fetchall()
        # With the names: what `select *` returns changes when another version of the program changes the table.
        names = tuple([column[0] for column in cursor.description])
    key = (database.vendor, model, names)
    if rows and key not in _row_readers:
        _row_readers[key] = _row_reader(model, names, database)
    return [_instance(model, _row_readers[key], row, database) for row in rows]


def _row_reader(model: type[Model], names: Sequence[str], database: Any) -> _RowReader:
    column_of = {name: number for number, name in enumerate(names)}
    fields: list[Any] = [field for field in model._meta.concrete_fields if field.column in column_of]
    converters = []
    for field in fields:
        expression = field.get_col(model._meta.db_table)
        found = database.ops.get_db_converters(expression) + expression.get_db_converters(database)
        converters += [(column_of[field.column], converter, expression) for converter in found]
    others = column_of.keys() - {field.column for field in fields}
    return _RowReader(
        [field.attname for field in fields],
        [column_of[field.column] for field in fields],
        [(name, column_of[name]) for name in others],
        converters,
    )


def _instance(model: type[Model], reader: _RowReader, row: Sequence[Any], database: Any) -> Model:
    values = list(row)
    for column, converter, expression in reader.converters:
        values[column] = converter(values[column], expression, database)
    instance = model.from_db(database.alias, reader.fields, [values[column] for column in reader.columns])
    for name, column in reader.annotations:
        setattr(instance, name, values[column])
    return instance


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
