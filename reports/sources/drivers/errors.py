"""Sentences for the errors of databases that we don't know, by SQLSTATE or by the driver's text."""

from __future__ import annotations

from reports.sources import errors

SENTENCES = (
    ("no such table", errors.NO_SUCH_NAME),
    ("no such column", errors.NO_SUCH_NAME),
    ("invalid object name", errors.NO_SUCH_NAME),
    ("invalid column name", errors.NO_SUCH_NAME),
    ("invalid identifier", errors.NO_SUCH_NAME),
    ("no such function", errors.NO_SUCH_FUNCTION),
    ("function with name", errors.NO_SUCH_FUNCTION),
    ("does not exist", errors.NO_SUCH_NAME),
    ("doesn't exist", errors.NO_SUCH_NAME),
    ("unknown column", errors.NO_SUCH_NAME),
    ("referenced column", errors.NO_SUCH_NAME),
    ("cannot be resolved", errors.NO_SUCH_NAME),
    ("readonly", errors.NOT_READ_ONLY),
    ("read-only", errors.NOT_READ_ONLY),
    ("read only", errors.NOT_READ_ONLY),
    ("permission", errors.NO_PERMISSION),
    ("privilege", errors.NO_PERMISSION),
    ("syntax", errors.BAD_SYNTAX),
    ("divi", errors.BAD_VALUE),
    ("overflow", errors.BAD_VALUE),
    ("conversion", errors.BAD_VALUE),
    ("out of range", errors.BAD_VALUE),
    ("out of memory", errors.NO_MEMORY),
)
TIMEOUT_TEXTS = ("timed out", "timeout", "time limit", "statement_time")
#: By SQLSTATE or its class, the first two characters (ISO/IEC 9075, and those of ODBC).
_BY_STATE = {
    "42S02": errors.NO_SUCH_NAME,
    "42S22": errors.NO_SUCH_NAME,
    "42P01": errors.NO_SUCH_NAME,
    "42703": errors.NO_SUCH_NAME,
    "42883": errors.NO_SUCH_FUNCTION,
    "42501": errors.NO_PERMISSION,
    "25006": errors.NOT_READ_ONLY,
    "42601": errors.BAD_SYNTAX,
    "22": errors.BAD_VALUE,
}


def sentence(state: str, text: str) -> str | None:
    """What the error means; None if neither says it."""
    return _BY_STATE.get(state) or _BY_STATE.get(state[:2]) or errors.sentence_for(text, SENTENCES)
