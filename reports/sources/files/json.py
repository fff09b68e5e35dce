"""JSON files: objects, one after another or in an array, of which each is a row.

Every object is looked at before the first row is read, so no key and no type is guessed. DuckDB does most of it: a
regular expression, made from the first objects, tells which of the others are of the same shape. Where DuckDB's parser
would lose digits, because it reads reals as doubles, it reads them as texts.
"""

from __future__ import annotations

import codecs
import json
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb

from reports.sources.deadline import Deadline, interrupting
from reports.sources.duckdb.engine import string_literal
from reports.sources.files.compression import beginning, compression_of, ending
from reports.sources.files.csv import column_names, converted
from reports.sources.files.faults import file_fault, has_duplicate_key
from reports.sources.files.json_numbers import REAL, JsonKind
from reports.sources.files.json_shapes import STRING, Shape, are_distinct, parse
from reports.sources.files.text_types import facts
from reports.sources.placeholders import identifier

#: The objects from which the first pattern is made.
_FIRST_ROWS = 1_000
#: Characters after which a new pattern is made.
_FIRST_SIZE = 400_000
#: The rows from which the types of texts are taken, as in CSV files.
_SAMPLE_ROWS = 20_480
_BATCH_ROWS = 20
#: Bytes at the beginning of a file that show how it is written.
_HEAD = 1_000_000
_TAIL = 10_000
#: The longest regular expression that RE2 handles fast.
_MAX_PATTERN = 100_000
_TEXT_TYPES = ("date", "timestamp", "timestamptz")
#: Where a file that has no objects, or other values as well, has its only column.
_ONLY_COLUMN = "json"


@dataclass(frozen=True)
class JsonFile:
    path: Path
    #: One of DuckDB's: array, newline_delimited, or unstructured, which is anything else.
    format: str

    @property
    def _options(self) -> str:
        compression = compression_of(self.path) or "none"
        return f"format = '{self.format}', compression = '{compression}'"

    @property
    def texts(self) -> str:
        """SQL of a table with the column `json`, the text of each object."""
        return f"read_json_objects({string_literal(str(self.path))}, {self._options})"

    def columns(self, types: dict[str, str]) -> str:
        """SQL of a table with the values of these keys."""
        spec = ", ".join(f"{string_literal(key)}: {string_literal(type)}" for key, type in types.items())
        return (
            f"read_json({string_literal(str(self.path))}, {self._options}, "
            f"columns = {{{spec}}}, records = true, auto_detect = false)"
        )


def json_view(connection: duckdb.DuckDBPyConnection, path: Path, whole_file: bool) -> str:
    """SQL of the file's rows. `whole_file`: with text types that all of its values have. Raises SourceUnusable."""
    file = _inspected(path)
    shape = _shape(connection, file)
    if not shape.is_objects:
        if shape.has_objects:
            _refuse_duplicates(connection, file)
        return _other_values(file, shape)
    keys = list(shape.fields)
    columns = {key: f"c{number}" for number, key in enumerate(keys)}
    names = dict(zip(columns.values(), keys if are_distinct(keys) else column_names(keys), strict=True))
    if are_distinct(keys) and shape.fits_doubles:
        if shape.has_json:
            _refuse_duplicates(connection, file)
        types = {key: inner.type for key, inner in shape.fields.items()}
        rows = _select({column: identifier(key) for key, column in columns.items()}, file.columns(types))
    else:
        _refuse_duplicates(connection, file)
        rows = _digits_kept(file, shape, columns)
    dates = [
        columns[key] for key, inner in shape.fields.items() if inner.kinds == JsonKind.TEXT and not inner.has_words
    ]
    return _with_text_types(connection, rows, names, dates, whole_file)


def check_json(path: Path, text: str, deadline: Deadline) -> None:
    """Raise SourceUnusable with the place if this message of DuckDB is about a key that comes twice in an object."""
    if not has_duplicate_key(text) or str(path) not in text:
        return
    with (
        suppress(duckdb.Error),
        duckdb.connect(config={"threads": 1}) as connection,
        interrupting(connection.interrupt, deadline),
    ):
        _refuse_duplicates(connection, _inspected(path))


# ---- how the file is written


def _inspected(path: Path) -> JsonFile:
    head = beginning(path, _HEAD)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise file_fault(path, "it is UTF-16. Save it as UTF-8")
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if not text:
        raise file_fault(path, "it is empty")
    first_line, _, others = text.partition(b"\n")
    is_line = _is_json(first_line)
    if text.startswith(b"[") and not (is_line and others.strip()):
        # DuckDB doesn't mind if an array ends after a comma.
        if not ending(path, _TAIL).rstrip().endswith(b"]"):
            raise file_fault(path, "it doesn't end with “]”: a part is missing, or something follows its array")
        return JsonFile(path, "array")
    # DuckDB doesn't expect a byte order mark before lines.
    is_unstructured = not is_line or head.startswith(codecs.BOM_UTF8)
    return JsonFile(path, "unstructured" if is_unstructured else "newline_delimited")


def _is_json(line: bytes) -> bool:
    try:
        parse(line.decode())
    except (ValueError, RecursionError):
        return False
    return True


# ---- the shape of all values


def _shape(connection: duckdb.DuckDBPyConnection, file: JsonFile) -> Shape:
    """The shape of all values of a file."""
    shape = Shape()
    size = 0
    for text in _texts(connection, f"select json::varchar from {file.texts} limit {_FIRST_ROWS}"):  # noqa: S608
        _add(connection, file, shape, text)
        size += len(text)
        if size > _FIRST_SIZE:
            break
    while not _is_whole_shape(connection, file, shape):
        pass
    return shape


def _is_whole_shape(connection: duckdb.DuckDBPyConnection, file: JsonFile, shape: Shape) -> bool:
    """Add what isn't of this shape. False if that changed the shape, so that the others have to be compared again.

    Without a condition, each value is added, so once is enough.
    """
    pattern = shape.pattern
    others = _others(connection, pattern, shape.has_doubles)
    sql = f"select json::varchar from (select json::varchar as json from {file.texts}){others}"  # noqa: S608
    size = 0
    for text in _texts(connection, sql):
        _add(connection, file, shape, text)
        size += len(text)
        # A new pattern may know the rest. Looking at each object costs ten times as much.
        if others and size > _FIRST_SIZE:
            if shape.pattern != pattern:
                return False
            size = 0
    return not others or shape.pattern == pattern


def _others(connection: duckdb.DuckDBPyConnection, pattern: str, has_doubles: bool) -> str:
    """SQL of the condition that a JSON text doesn't match a pattern, or may contain digits that a double loses."""
    matches = f"regexp_full_match(json, {string_literal(pattern)})"
    if len(pattern) > _MAX_PATTERN:
        return ""
    return f" where not {matches}" + (f" or {_LOSES_DIGITS}" if has_doubles else "")


def _digits(number: str) -> str:
    """SQL of a number's digits, without the zeros around them."""
    return f"trim(replace(split_part(ltrim(lower({number}), '-'), 'e', 1), '.', ''), '0')"


#: SQL: whether a double loses digits of a number in a JSON text. True also for some texts that look like numbers.
#: Mostly the parser writes what it read, so the numbers needn't be found. Python writes spaces, DuckDB doesn't. Numbers
#: beyond the range of doubles have a long exponent or many digits; the parser writes them unchanged.
_LOSES_DIGITS = (
    "case when regexp_matches(json, '[eE][+]?[0-9]{3}|[0-9]{300}') then true "
    "when json(json) = json or json(json) = replace(replace(json, ', ', ','), ': ', ':') then false else "
    "len(list_filter(regexp_extract_all(json, '[0-9.]{17,}(?:[eE][-+]?[0-9]+)?|[0-9.]+[eE][-+]?[0-9]+'), "
    "lambda n: (contains(n, '.') or contains(lower(n), 'e')) "
    f"and {_digits('n')} is distinct from {_digits('try_cast(n as double)::varchar')})) > 0 end"
)


def _add(connection: duckdb.DuckDBPyConnection, file: JsonFile, shape: Shape, text: str) -> None:
    try:
        shape.add(_parsed(connection, file, text))
    except RecursionError as error:
        raise file_fault(file.path, f"{_place(connection, file, text)} is nested too deeply") from error


def _parsed(connection: duckdb.DuckDBPyConnection, file: JsonFile, text: str) -> object:
    try:
        return parse(text)
    except ValueError as error:
        raise file_fault(file.path, f"{_place(connection, file, text)} {error}") from error
    except RecursionError as error:
        raise file_fault(file.path, f"{_place(connection, file, text)} is nested too deeply") from error


def _place(connection: duckdb.DuckDBPyConnection, file: JsonFile, text: str) -> str:
    numbered = f"(select json, row_number() over () as number from {file.texts})"  # noqa: S608
    sql = f"select min(number) from {numbered} where json::varchar = $text"  # noqa: S608
    # The connection is still reading.
    with connection.cursor() as other:
        [number] = other.execute(sql, {"text": text}).fetchall()[0]
    return f"{'line' if file.format == 'newline_delimited' else 'object'} {number:,}"


def _refuse_duplicates(connection: duckdb.DuckDBPyConnection, file: JsonFile) -> None:
    """Raise SourceUnusable if an object has a key twice.

    Only `read_json` notices that by itself, and not in values that stay JSON. Objects in which a key could come twice
    are parsed: a key that several objects in it have, or one with an escape.
    """
    keys = rf"""list_filter(regexp_extract_all(json, '{STRING}(?:\s*:)?'), lambda text: ends_with(text, ':'))"""
    has_escapes = r"len(list_filter(keys, lambda key: contains(key, '\'))) > 0"
    sql = f"select json from (select json::varchar as json from {file.texts})"  # noqa: S608
    sql = f"select json from (select json, {keys} as keys from ({sql}))"  # noqa: S608
    for text in _texts(connection, f"{sql} where len(keys) > len(list_distinct(keys)) or {has_escapes}"):
        _parsed(connection, file, text)


def _texts(connection: duckdb.DuckDBPyConnection, sql: str) -> Iterator[str]:
    # An object can have 16 MB, so batches are small.
    for batch in connection.sql(sql).to_arrow_reader(_BATCH_ROWS):
        yield from batch.column(0).to_pylist()


# ---- rows


def _other_values(file: JsonFile, shape: Shape) -> str:
    """SQL of the rows of a file whose values are not, or not all, objects."""
    marked, mark = _marked(shape)
    return _select({_ONLY_COLUMN: _converted_json("v", shape, mark)}, f"({_select({'v': marked}, file.texts)})")


def _digits_kept(file: JsonFile, shape: Shape, columns: dict[str, str]) -> str:
    """SQL of the rows, for files that `read_json` can't read exactly."""
    marked, mark = _marked(shape)
    pointers = ", ".join(string_literal(_pointer(key)) for key in columns)
    values = f"({_select({'v': f'json_extract({marked}, [{pointers}])'}, file.texts)})"
    selected = {
        column: _converted_json(f"v[{number}]", shape.fields[key], mark)
        for number, (key, column) in enumerate(columns.items(), start=1)
    }
    return _select(selected, values)


def _marked(shape: Shape) -> tuple[str, str]:
    """SQL of a JSON text whose reals are texts, and the mark at their beginning, if doubles would lose digits.

    The mark tells them from other texts in columns that stay JSON. It is different each time, so no file contains it.
    """
    if shape.fits_doubles:
        return "json", ""
    mark = secrets.token_hex(8)
    return f"{_marked_reals('json::varchar', mark)}::json", mark


def _marked_reals(text: str, mark: str) -> str:
    """SQL of a JSON text in which each real is a string with a mark before it."""
    # RE2 can't look around, so strings are matched as well, to pass over them. A control character, which JSON can't
    # contain, stands for quotes until those around nothing are gone.
    pattern = string_literal(rf'("(?:[^"\\]|\\.)*")|(-?{REAL})')
    marked = rf"regexp_replace({text}, {pattern}, '\1' || chr(1) || '\2' || chr(2), 'g')"
    return f"replace(replace(replace({marked}, chr(1) || chr(2), ''), chr(1), '\"{mark}'), chr(2), '\"')"


def _converted_json(value: str, shape: Shape, mark: str) -> str:
    """SQL of a JSON value as the type of its shape."""
    type = shape.type
    if type == "json" or (mark and shape.has_json):
        if not mark:
            return f"nullif({value}, 'null'::json)"
        unmarked = rf"""regexp_replace({value}::varchar, '"{mark}([^"]*)"', '\1', 'g')"""
        return f"nullif({unmarked}, 'null')::json"
    plain = f"replace({value}::varchar, '{mark}', '')::json" if mark else value
    return f"from_json({plain}, {string_literal(json.dumps(type))})"


def _pointer(key: str) -> str:
    """A JSON pointer to a key (RFC 6901)."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _with_text_types(
    connection: duckdb.DuckDBPyConnection, rows: str, names: dict[str, str], texts: list[str], whole_file: bool
) -> str:
    """SQL of rows under these names, with texts that are dates or times converted."""
    if not texts:
        return converted(f"({rows})", names, {})
    # An empty text is a missing value in CSV. In JSON it is a text, as it is not null.
    strict = {column: f"case when {column} = '' then ' ' else {column} end" for column in texts}
    sample = "" if whole_file else f" limit {_SAMPLE_ROWS}"
    found = facts(connection, f"({_select(strict, f'({rows})')}{sample})", texts)
    types = {column: fact.type for column, fact in zip(texts, found, strict=True) if fact.type in _TEXT_TYPES}
    selected = {column: strict[column] if column in types else column for column in names}
    return converted(f"({_select(selected, f'({rows})')})", names, types)


def _select(expressions: dict[str, str], table: str) -> str:
    """SQL of expressions by column name. The names are ours, and there is no value in the expressions but literals."""
    return f"select {', '.join(f'{value} as {name}' for name, value in expressions.items())} from {table}"  # noqa: S608
