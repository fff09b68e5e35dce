"""What MySQL and MariaDB have of their own: bounds of a session, and the types of columns, through PyMySQL."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Any

import pyarrow as pa
from pymysql.constants import FIELD_TYPE, FLAG
from sqlalchemy import URL

from reports.exceptions import SourceUnusable
from reports.sources.failures import Deadline

DIALECTS = ("mysql", "mariadb")
#: What a URL may set. Others, as `local_infile`, `init_command` or `read_default_file`, read files or undo what keeps
#: us safe.
_URL_SETTINGS = {"charset", "ssl_ca", "ssl_verify_cert", "ssl_verify_identity"}
_CONNECT_TIMEOUT_SECONDS = 10
_LOCK_WAIT_SECONDS = 10
_BINARY = 63

_INTEGERS = {FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.INT24, FIELD_TYPE.LONG, FIELD_TYPE.YEAR}
_TEXTS = {FIELD_TYPE.VARCHAR, FIELD_TYPE.VAR_STRING, FIELD_TYPE.STRING, FIELD_TYPE.TINY_BLOB, FIELD_TYPE.MEDIUM_BLOB,
          FIELD_TYPE.LONG_BLOB, FIELD_TYPE.BLOB}  # fmt: skip
_OTHERS = {
    FIELD_TYPE.FLOAT: pa.float64(),
    FIELD_TYPE.DOUBLE: pa.float64(),
    FIELD_TYPE.DATE: pa.date32(),
    FIELD_TYPE.NEWDATE: pa.date32(),
    FIELD_TYPE.JSON: pa.string(),
    FIELD_TYPE.BIT: pa.binary(),
    FIELD_TYPE.GEOMETRY: pa.binary(),
}


def checked_url(url: URL) -> URL:
    """The URL with PyMySQL as its driver. Raises SourceUnusable for a setting that is not allowed."""
    forbidden = sorted(set(url.query) - _URL_SETTINGS)
    if forbidden:
        raise SourceUnusable(f"The data source's URL may not set: {', '.join(forbidden)[:200]}.")
    return url.set(drivername="mysql+pymysql").update_query_dict({"charset": "utf8mb4"})


def arguments(deadline: Deadline) -> dict[str, object]:
    """For the driver. A server that is silent for longer than the query may take is given up."""
    seconds = ceil(max(1.0, deadline.remaining)) + 5
    connect = min(_CONNECT_TIMEOUT_SECONDS, ceil(max(1.0, deadline.remaining)))
    return {"connect_timeout": connect, "read_timeout": seconds, "write_timeout": seconds}


def bounds(deadline: Deadline, *, is_mariadb: bool) -> Iterator[str]:
    """Statements that make the session read-only and bound it, and its texts those that our tokenizer reads."""
    seconds = ceil(max(1.0, deadline.remaining))
    yield "set session transaction read only"
    yield (
        f"set session max_statement_time = {seconds}"
        if is_mariadb
        else (f"set session max_execution_time = {seconds * 1000}")
    )
    yield f"set session lock_wait_timeout = {_LOCK_WAIT_SECONDS}"
    # While a file is written nothing may be read for longer than the server's usual minute.
    yield f"set session net_write_timeout = {seconds + 60}"
    yield "set session time_zone = '+00:00'"
    yield (
        "set session sql_mode = replace(replace(replace(@@session.sql_mode, 'ANSI_QUOTES', ''),"
        " 'NO_BACKSLASH_ESCAPES', ''), 'PAD_CHAR_TO_FULL_LENGTH', '')"
    )


def explain(*, is_mariadb: bool) -> str:
    """The statement that has the share of rows that pass in its answer, which MySQL has always."""
    return "explain extended" if is_mariadb else "explain"


def declared(cursor: Any) -> list[pa.DataType | None]:
    """The types of the columns. The driver keeps what the server says about them where only its own code looks."""
    result = getattr(cursor, "_result", None)
    return [_type(field) for field in getattr(result, "fields", None) or []]


#: Number and address of this connection, as the server calls them. The number alone may be another's after a restart.
IDENTITY = "select id, host from information_schema.processlist where id = connection_id()"


def end(number: int, address: str) -> tuple[str, tuple[object, ...], str]:
    """A query with its values that finds that connection if it is still there, and the statement that ends it."""
    return (
        "select id from information_schema.processlist where id = %s and host = %s",
        (number, address),
        f"kill {number:d}",
    )


def abandon(cursor: Any) -> None:
    """Closing would first receive all the rows that nobody wants any more: the connection is closed instead."""
    result = getattr(cursor, "_result", None)
    if result is not None:
        result.unbuffered_active = False


def _type(field: Any) -> pa.DataType | None:
    code, decimals = field.type_code, field.scale
    if code in _INTEGERS:
        return pa.int64()
    if code == FIELD_TYPE.LONGLONG:
        return pa.uint64() if field.flags & FLAG.UNSIGNED else pa.int64()
    if code in (FIELD_TYPE.DECIMAL, FIELD_TYPE.NEWDECIMAL):
        return _decimal(field)
    if code in (FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP):
        return pa.timestamp(_unit(decimals))
    if code == FIELD_TYPE.TIME:
        unit = _unit(decimals)
        return pa.time64(unit) if unit == "us" else pa.time32(unit)
    if code in _TEXTS:
        return pa.binary() if field.charsetnr == _BINARY else pa.string()
    return _OTHERS.get(code)


def _unit(decimals: int) -> str:
    return "s" if decimals == 0 else "ms" if decimals <= 3 else "us"


def _decimal(field: Any) -> pa.DataType:
    """The length counts the digits, the point and the sign."""
    digits = field.length - (1 if field.scale else 0) - (0 if field.flags & FLAG.UNSIGNED else 1)
    digits = max(1, digits, field.scale)
    return pa.decimal128(digits, field.scale) if digits <= 38 else pa.decimal256(min(digits, 76), field.scale)
