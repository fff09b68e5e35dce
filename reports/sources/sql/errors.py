"""Errors of databases behind SQLAlchemy, in sentences for the author of a report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pymysql
from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from reports.exceptions import QueryFailed, QueryTimeout, RunError, SourceUnavailable, SourceUnusable
from reports.sources import errors
from reports.sources.deadline import Deadline
from reports.sources.drivers.errors import SENTENCES, TIMEOUT_TEXTS
from reports.sources.errors import run_error

#: Error numbers of MySQL and MariaDB.
_TIMEOUTS = {1969, 3024, 1317}
_REFUSED = {1044, 1045, 1049, 1130, 1251, 1698, 1820, 1862, 4151, 3118}
#: Errors after which another attempt may succeed.
_TRANSIENT = {1040, 1053, 1158, 1159, 1160, 1161, 1203, 1205, 1213, 1226, 1927, 2002, 2003, 2006, 2013, 2055}
_NUMBERS = {
    errors.NO_SUCH_NAME: {1046, 1051, 1052, 1054, 1109, 1146, 1176},
    errors.NO_SUCH_FUNCTION: {1305, 1582, 1584, 1630},
    errors.BAD_SYNTAX: {1064, 1065, 1149, 1235},
    errors.NOT_READ_ONLY: {1223, 1290, 1792},
    errors.NO_PERMISSION: {1142, 1143, 1227, 1370},
    errors.BAD_VALUE: {1264, 1292, 1365, 1366, 1411, 1426, 1441, 1525, 1690, 3141, 3143, 4037, 4038},
    errors.NO_MEMORY: {1037, 1038, 1041, 1114, 1153},
}
_SENTENCE_BY_NUMBER = {number: sentence for sentence, numbers in _NUMBERS.items() for number in numbers}


@contextmanager
def translated_errors(deadline: Deadline) -> Iterator[None]:
    """Turn errors of SQLAlchemy, a driver or the network into RunErrors."""
    try:
        yield
    except (SQLAlchemyError, pymysql.MySQLError, OSError) as error:
        raise query_error(error, deadline) from error


def connection_error(error: Exception, url: URL) -> RunError:
    """Why there is no connection. Hides the password, in case a driver repeats it."""
    text = _driver_text(error)
    if url.password:
        text = text.replace(str(url.password), "***")
    is_refused = _number(error) in _REFUSED or any(words in text.lower() for words in ("login failed", "access denied"))
    if is_refused:
        return run_error(SourceUnusable, "The data source denied access to the report server.", text)
    return run_error(SourceUnavailable, None, text)


def query_error(error: Exception, deadline: Deadline) -> RunError:
    """Translate by MySQL's error number, or by the driver's text where there is none."""
    number, text = _number(error), _driver_text(error)
    if number in _TIMEOUTS or deadline.passed:
        return run_error(QueryTimeout, None, text)
    is_disconnected = isinstance(error, DBAPIError) and error.connection_invalidated
    is_network_error = isinstance(error, OSError) or isinstance(getattr(error, "orig", None), OSError)
    if number in _TRANSIENT or is_disconnected or is_network_error:
        return run_error(SourceUnavailable, None, text)
    if number in _SENTENCE_BY_NUMBER:
        return run_error(QueryFailed, _SENTENCE_BY_NUMBER[number], text)
    if number is None and any(words in text.lower() for words in TIMEOUT_TEXTS):
        return run_error(QueryTimeout, None, text)
    return run_error(QueryFailed, errors.sentence_for(text, SENTENCES), text)


def _driver_text(error: Exception) -> str:
    return str(error.orig) if isinstance(error, DBAPIError) else str(error)


def _number(error: Exception) -> int | None:
    """MySQL's error number; None for other databases and for errors of SQLAlchemy itself."""
    original = error.orig if isinstance(error, DBAPIError) else error
    first = original.args[0] if isinstance(original, pymysql.MySQLError) and original.args else None
    return first if isinstance(first, int) else None
