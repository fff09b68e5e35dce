"""What databases behind SQLAlchemy say when something fails, in the words of a report's author."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pymysql
from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from reports.exceptions import QueryFailed, QueryTimeout, RunError, SourceUnavailable, SourceUnusable
from reports.sources import failures
from reports.sources.failures import Deadline, failure

#: Numbers of MySQL and MariaDB.
_TIMEOUTS = {1969, 3024, 1317}
_REFUSED = {1044, 1045, 1049, 1130, 1251, 1698, 1820, 1862, 4151, 3118}
_AGAIN = {1040, 1053, 1158, 1159, 1160, 1161, 1203, 1205, 1213, 1226, 1927, 2002, 2003, 2006, 2013, 2055}
_SENTENCES = {
    failures.NO_SUCH_NAME: {1046, 1051, 1052, 1054, 1109, 1146, 1176},
    failures.NO_SUCH_FUNCTION: {1305, 1582, 1584, 1630},
    failures.BAD_SYNTAX: {1064, 1065, 1149, 1235},
    failures.NOT_READING: {1223, 1290, 1792},
    failures.NO_PERMISSION: {1142, 1143, 1227, 1370},
    failures.BAD_VALUE: {1264, 1292, 1365, 1366, 1411, 1426, 1441, 1525, 1690, 3141, 3143, 4037, 4038},
    failures.NO_MEMORY: {1037, 1038, 1041, 1114, 1153},
}
_BY_NUMBER = {number: sentence for sentence, numbers in _SENTENCES.items() for number in numbers}
_BY_TEXT = (
    ("no such table", failures.NO_SUCH_NAME),
    ("invalid object name", failures.NO_SUCH_NAME),
    ("invalid column name", failures.NO_SUCH_NAME),
    ("invalid identifier", failures.NO_SUCH_NAME),
    ("does not exist", failures.NO_SUCH_NAME),
    ("cannot be resolved", failures.NO_SUCH_NAME),
    ("permission", failures.NO_PERMISSION),
    ("privilege", failures.NO_PERMISSION),
    ("syntax", failures.BAD_SYNTAX),
    ("divi", failures.BAD_VALUE),
    ("overflow", failures.BAD_VALUE),
)
_TIMED_OUT_TEXT = ("timed out", "timeout", "time limit")


@contextmanager
def plain_errors(deadline: Deadline) -> Iterator[None]:
    """Turn what SQLAlchemy, a driver and the network raise into RunErrors."""
    try:
        yield
    except (SQLAlchemyError, pymysql.MySQLError, OSError) as error:
        raise query_error(error, deadline) from error


def connection_error(error: Exception, url: URL) -> RunError:
    """Why there is no connection; without the password, should a driver repeat it."""
    text = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    if url.password:
        text = text.replace(str(url.password), "***")
    refused = _number(error) in _REFUSED or any(word in text.lower() for word in ("login failed", "access denied"))
    if refused:
        return failure(SourceUnusable, "The data source does not let the report server in.", text)
    return failure(SourceUnavailable, None, text)


def query_error(error: Exception, deadline: Deadline) -> RunError:
    """By number where it is one of MySQL's, else by the driver's text."""
    number = _number(error)
    text = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    if number in _TIMEOUTS or deadline.passed:
        return failure(QueryTimeout, None, text)
    if number in _AGAIN or (isinstance(error, DBAPIError) and error.connection_invalidated) or _is_network(error):
        return failure(SourceUnavailable, None, text)
    if number in _BY_NUMBER:
        return failure(QueryFailed, _BY_NUMBER[number], text)
    if number is None and any(word in text.lower() for word in _TIMED_OUT_TEXT):
        return failure(QueryTimeout, None, text)
    return failure(QueryFailed, failures.first_match(text, _BY_TEXT), text)


def _is_network(error: Exception) -> bool:
    return isinstance(error, OSError) or isinstance(getattr(error, "orig", None), OSError)


def _number(error: Exception) -> int | None:
    found = error.orig if isinstance(error, DBAPIError) else error
    first = found.args[0] if isinstance(found, pymysql.MySQLError) and found.args else None
    return first if isinstance(first, int) else None
