"""From a driver's error to one that a report's author understands.

The driver's own text may hold SQL, host names and paths: it goes into `details["driver"]`, which only administrators
may see, and never into the message.
"""

from __future__ import annotations

import time

from reports.exceptions import QueryFailed, QueryTimeout, RunError

NO_SUCH_NAME = "The query names a table or column that does not exist."
NO_SUCH_FUNCTION = "The query uses a function or operator that does not exist for these types."
BAD_SYNTAX = "The query is not valid SQL for this data source."
NOT_READING = "The query does something other than reading, which a report may not do."
BAD_VALUE = "The query could not calculate or convert one of the values it meets."
NO_MEMORY = "The query needs more memory than a report may use."
NO_PERMISSION = "The data source does not allow this query to read what it names."


def failure(kind: type[RunError], message: str | None, driver: object) -> RunError:
    """An error with the driver's text put where only administrators see it."""
    return kind(message, driver=str(driver)[:4_000])


def first_match(text: str, table: tuple[tuple[str, str], ...], otherwise: str | None = None) -> str | None:
    """The sentence of the first fragment that occurs in a driver's text."""
    lowered = text.lower()
    return next((sentence for fragment, sentence in table if fragment in lowered), otherwise)


class Deadline:
    """The moment after which a run is given up, by the clock that nobody can set."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def remaining(self) -> float:
        """Seconds left; negative when it has passed."""
        return self._end - time.monotonic()

    @property
    def passed(self) -> bool:
        return self.remaining <= 0

    def check(self) -> None:
        """Raises QueryTimeout when it has passed."""
        if self.passed:
            raise QueryTimeout


def unknown_placeholders(names: list[str]) -> QueryFailed:
    listed = ", ".join(f":{name}" for name in names[:10])
    return QueryFailed(f"The query uses {listed}, which the report does not declare as a parameter.")
