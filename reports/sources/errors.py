"""Sentences for the errors of drivers, written for the author of a report.

The driver's own text may contain SQL, host names and paths. It goes into `details["driver"]`, which only Administrators
see, and never into the message.
"""

from __future__ import annotations

from collections.abc import Iterable

from reports.exceptions import QueryFailed, RunError

NO_SUCH_NAME = "The query names a table or column that does not exist."
NO_SUCH_FUNCTION = "The query uses a function or operator that does not exist for these types."
BAD_SYNTAX = "The query is not valid SQL for this data source."
NOT_READ_ONLY = "The query does more than read data. Reports can only read."
BAD_VALUE = "The query could not compute or convert a value."
NO_MEMORY = "The query needs more memory than a report can use."
NO_PERMISSION = "The data source's account isn't allowed to run this query."

_MAX_DRIVER_TEXT = 4_000
_MAX_LISTED = 10


def run_error(kind: type[RunError], message: str | None, driver_error: object) -> RunError:
    """An error of this kind, with the driver's text where only Administrators see it. None: the kind's own message."""
    return kind(message, driver=str(driver_error)[:_MAX_DRIVER_TEXT])


def sentence_for(text: str, sentences: Iterable[tuple[str, str]]) -> str | None:
    """The sentence of the first (fragment, sentence) whose fragment occurs in a driver's text."""
    lowered = text.lower()
    return next((sentence for fragment, sentence in sentences if fragment in lowered), None)


def undeclared_placeholders(names: list[str]) -> QueryFailed:
    listed = ", ".join(f":{name}" for name in names[:_MAX_LISTED])
    return QueryFailed(f"The query uses {listed}, which the report does not declare as a parameter.")
