"""The rule for kinds of data source whose URL chooses a driver: only the server's operator may set it.

Such a URL loads a library into the process that reads, and its options name files, folders and hosts. No list of what
is allowed would be complete: each driver has options of its own.
"""

from __future__ import annotations

from pathlib import Path

from reports.exceptions import SourceUnusable

#: Kinds whose URL only a definitions file can set.
OPERATORS_KINDS = ("adbc", "odbc")
_SENTENCE = "Only the server's operator can set the URL of this kind of data source, in a definitions file."


class OperatorRules:
    """Refuses every URL. For data sources that no definitions file has set."""

    def error(self, url: str) -> str | None:
        """Say why this URL must not be used."""
        return _SENTENCE

    def check(self, *urls: str | Path) -> None:
        """Raise SourceUnusable. Takes what LocationRules take."""
        raise SourceUnusable(_SENTENCE)
