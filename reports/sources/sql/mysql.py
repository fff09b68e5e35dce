"""Specifics of MySQL and MariaDB: limits of a session and types of columns, through PyMySQL."""

from __future__ import annotations

from math import ceil
from typing import Any

import pyarrow as pa
from pymysql.constants import FIELD_TYPE, FLAG
from sqlalchemy import URL

from common.api.numbers import LONG_DECIMAL_DIGITS
from reports.exceptions import SourceUnusable
from reports.sources.deadline import Deadline
from reports.sources.decimal_types import decimal_type

DIALECTS = ("mysql", "mariadb")
#: Parameters that a URL can set. Others, such as `local_infile`, `init_command` or `read_default_file`, read files or
#: undo our protections.
_URL_SETTINGS = {"charset", "ssl_ca", "ssl_verify_cert", "ssl_verify_identity"}
_CONNECT_TIMEOUT_SECONDS = 10
_LOCK_WAIT_SECONDS = 10
#: How long the server may be silent after the time limit of the query.
_GRACE_SECONDS = 5
#: The number of the character set "binary", which tells BLOB from TEXT.
_BINARY_CHARSET = 63

_INTEGERS = {FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.INT24, FIELD_TYPE.LONG, FIELD_TYPE.YEAR}
_TEXTS = {
    FIELD_TYPE.VARCHAR, FIELD_TYPE.VAR_STRING, FIELD_TYPE.STRING, FIELD_TYPE.TINY_BLOB, FIELD_TYPE.MEDIUM_BLOB,
    FIELD_TYPE.LONG_BLOB, FIELD_TYPE.BLOB,
}  # fmt: skip
_JSON = pa.json_(pa.string())
_OTHERS = {
    FIELD_TYPE.FLOAT: pa.float64(),
    FIELD_TYPE.DOUBLE: pa.float64(),
    FIELD_TYPE.DATE: pa.date32(),
    FIELD_TYPE.NEWDATE: pa.date32(),
    FIELD_TYPE.JSON: _JSON,
    FIELD_TYPE.BIT: pa.binary(),
    FIELD_TYPE.GEOMETRY: pa.binary(),
}


def checked_url(url: URL) -> URL:
    """The URL with PyMySQL as its driver. Raises SourceUnusable for a setting that is not allowed."""
    forbidden = sorted(set(url.query) - _URL_SETTINGS)
    if forbidden:
        raise SourceUnusable(f"The data source's URL must not set: {', '.join(forbidden)[:200]}.")
    return url.set(drivername="mysql+pymysql").update_query_dict({"charset": "utf8mb4"})


def driver_timeouts(deadline: Deadline) -> dict[str, object]:
    """Arguments for PyMySQL: it gives up on a server that is silent for longer than the query may take."""
    seconds = ceil(max(1.0, deadline.remaining))
    return {
        "connect_timeout": min(_CONNECT_TIMEOUT_SECONDS, seconds),
        "read_timeout": seconds + _GRACE_SECONDS,
        "write_timeout": seconds + _GRACE_SECONDS,
    }


def session_settings(deadline: Deadline, *, is_mariadb: bool) -> list[str]:
    """Statements that make the session read-only, limit its time and give its SQL the syntax our tokenizer expects."""
    seconds = ceil(max(1.0, deadline.remaining))
    time_limit = f"max_statement_time = {seconds}" if is_mariadb else f"max_execution_time = {seconds * 1000}"
    return [
        "set session transaction read only",
        f"set session {time_limit}",
        f"set session lock_wait_timeout = {_LOCK_WAIT_SECONDS}",
        # While a file is written, rows may stay unread for longer than the default of one minute.
        f"set session net_write_timeout = {seconds + 60}",
        "set session time_zone = '+00:00'",
        "set session sql_mode = replace(replace(replace(@@session.sql_mode, 'ANSI_QUOTES', ''),"
        " 'NO_BACKSLASH_ESCAPES', ''), 'PAD_CHAR_TO_FULL_LENGTH', '')",
    ]


#: After session_settings: a transaction that sees one state of all tables of transactional engines.
SNAPSHOT = (
    "set session transaction isolation level repeatable read",
    "start transaction with consistent snapshot",
)


def explain_statement(*, is_mariadb: bool) -> str:
    """The statement whose output has the column `filtered`, which MySQL's plain `explain` has too."""
    return "explain extended" if is_mariadb else "explain"


def declared_types(cursor: Any) -> list[pa.DataType | None]:
    """The types of the columns; None for those we don't know. PyMySQL keeps them in a private attribute."""
    result = getattr(cursor, "_result", None)
    return [_arrow_type(field) for field in getattr(result, "fields", None) or []]


#: Number and address of this connection on the server. After a restart, the number alone may belong to another one.
CONNECTION_IDENTITY = "select id, host from information_schema.processlist where id = connection_id()"
#: Finds a connection, by its number and address, if it is still there.
FIND_CONNECTION = "select id from information_schema.processlist where id = %s and host = %s"


def kill_statement(number: int) -> str:
    return f"kill {number:d}"


def discard_rows(cursor: Any) -> None:
    """Keep PyMySQL from reading all remaining rows when it closes; the connection must be closed afterwards."""
    result = getattr(cursor, "_result", None)
    if result is not None:
        result.unbuffered_active = False


def _arrow_type(field: Any) -> pa.DataType | None:
    code = field.type_code
    if getattr(field, "format", "") == "json":
        return _JSON
    if code in _INTEGERS:
        return pa.int64()
    if code == FIELD_TYPE.LONGLONG:
        return pa.uint64() if field.flags & FLAG.UNSIGNED else pa.int64()
    if code in (FIELD_TYPE.DECIMAL, FIELD_TYPE.NEWDECIMAL):
        # The length that MySQL reports includes the point and the sign.
        digits = field.length - (1 if field.scale else 0) - (0 if field.flags & FLAG.UNSIGNED else 1)
        return decimal_type(min(max(1, digits, field.scale), LONG_DECIMAL_DIGITS), field.scale)
    unit = "s" if field.scale == 0 else "ms" if field.scale <= 3 else "us"
    if code in (FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP):
        return pa.timestamp(unit)
    if code == FIELD_TYPE.TIME:
        return pa.time64(unit) if unit == "us" else pa.time32(unit)
    if code in _TEXTS:
        return pa.binary() if field.charsetnr == _BINARY_CHARSET else pa.string()
    return _OTHERS.get(code)
