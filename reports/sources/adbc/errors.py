"""Errors of ADBC drivers, in sentences for the author of a report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import adbc_driver_manager as adbc
import pyarrow as pa
from adbc_driver_manager import AdbcStatusCode

from reports.exceptions import QueryFailed, QueryTimeout, RunError, SourceUnavailable, SourceUnusable
from reports.sources import errors
from reports.sources.adbc.url import AdbcUrl
from reports.sources.deadline import Deadline
from reports.sources.drivers.errors import TIMEOUT_TEXTS, sentence
from reports.sources.errors import run_error

DRIVER_ERRORS = (adbc.Error, pa.ArrowException, OSError)
_DENIED = {AdbcStatusCode.UNAUTHENTICATED, AdbcStatusCode.UNAUTHORIZED}
_DENIED_TEXTS = ("authentication", "unauthenticated", "access denied", "incorrect username or password", "login failed")
#: A driver that infers types from the first rows, as SQLite's does, gives up at a value of another type.
_MIXED = "A column has values of several types, which this driver can't read."


@contextmanager
def translated_errors(deadline: Deadline, url: AdbcUrl) -> Iterator[None]:
    try:
        yield
    except DRIVER_ERRORS as error:
        raise query_error(error, deadline, url) from error


def connection_error(error: Exception, url: AdbcUrl) -> RunError:
    """Why there is no connection, without secrets."""
    text = url.without_secrets(str(error))
    if "Could not load" in text or "dlopen" in text:
        return run_error(SourceUnusable, f"The ADBC driver {url.driver} is not installed.", text)
    code = getattr(error, "status_code", None)
    if code in _DENIED or any(fragment in text.lower() for fragment in _DENIED_TEXTS):
        return run_error(SourceUnusable, "The data source denied access to the report server.", text)
    if code in (AdbcStatusCode.INVALID_ARGUMENT, AdbcStatusCode.NOT_IMPLEMENTED):
        return run_error(SourceUnusable, "The driver doesn't accept the options in the data source's URL.", text)
    return run_error(SourceUnavailable, None, text)


def query_error(error: Exception, deadline: Deadline, url: AdbcUrl) -> RunError:
    """Translate by ADBC's status, by SQLSTATE, or by the driver's text while rows stream."""
    code, text = getattr(error, "status_code", None), url.without_secrets(str(error))
    lowered = text.lower()
    if deadline.passed or code == AdbcStatusCode.TIMEOUT or any(words in lowered for words in TIMEOUT_TEXTS):
        return run_error(QueryTimeout, None, text)
    if "type mismatch in column" in lowered:
        return run_error(QueryFailed, _MIXED, text)
    if code in _DENIED:
        return run_error(QueryFailed, errors.NO_PERMISSION, text)
    found = sentence(getattr(error, "sqlstate", None) or "", text)
    if found is None and code in (AdbcStatusCode.IO, AdbcStatusCode.CANCELLED):
        return run_error(SourceUnavailable, None, text)
    return run_error(QueryFailed, found, text)
