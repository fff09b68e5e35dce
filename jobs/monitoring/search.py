"""The query language of the search bar: words, and filters such as `report:sales` or `since:24h`. Uses no database."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches

from django.utils import timezone

#: The names that can stand before a colon; `param.` is followed by the name of a parameter.
FILTERS = ("report", "user", "status", "error", "host", "format", "since", "until", "param.NAME")
STATUSES = ("Queued", "Running", "Succeeded", "Failed")
#: An optional name with a colon (but not a URL's), followed by a value, quoted or not.
_TOKEN = re.compile(r'(?:(?P<name>[a-z]+(?:\.\w+)?):(?!//))?(?:"(?P<quoted>[^"]*)"|(?P<bare>[^\s"]+))?')
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")
#: With a sixth digit, weeks could lead to a date before the year 1.
_AGO = re.compile(r"(\d{1,5})(m|h|d|w)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_PARAMETER = "param."
#: Characters of a search, and words and filters in it. Each word is a condition on several columns.
_MAX_CHARACTERS, _MAX_TERMS = 2_000, 20


class SearchError(Exception):
    """A search that can't be understood; `messages` name everything that is wrong."""

    def __init__(self, messages: list[str]) -> None:
        super().__init__(" ".join(messages))
        self.messages = messages


@dataclass(frozen=True)
class Search:
    """A parsed search. A filter given twice matches either value; different filters must all match."""

    report: tuple[str, ...] = ()
    user: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    error: tuple[str, ...] = ()
    host: tuple[str, ...] = ()
    format: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    parameters: tuple[tuple[str, str], ...] = ()
    words: tuple[str, ...] = ()

    @property
    def has_fingerprints(self) -> bool:
        """True if `error` contains only fingerprints, which an index finds, and no texts."""
        return bool(self.error) and all(_FINGERPRINT.fullmatch(text) for text in self.error)


def parse(text: str, now: datetime | None = None) -> Search:
    """Parse the search bar. `now` is what relative times such as `since:24h` count from.

    Raises SearchError.
    """
    if len(text) > _MAX_CHARACTERS:
        raise SearchError([f"The search is too long: at most {_MAX_CHARACTERS:,} characters."])
    search, errors, terms = Search(), list[str](), 0
    if text.count('"') % 2:
        errors.append("Missing closing quotation mark.")
        text = text.replace('"', "")
    for match in _TOKEN.finditer(text):
        # A word has no name; between tokens, the pattern matches nothing at all.
        name, value = match["name"] or "", match["quoted"] or match["bare"] or ""
        if not name and not value:
            continue
        terms += 1
        if terms > _MAX_TERMS:
            raise SearchError([f"The search is too long: at most {_MAX_TERMS} words and filters."])
        try:
            search = _add(search, name, value, now or datetime.now(UTC))
        except ValueError as error:
            errors.append(str(error))
    if errors:
        raise SearchError(errors)
    return search


def _add(search: Search, name: str, value: str, now: datetime) -> Search:
    """Return the search with one more token. Raises ValueError with a message for the user."""
    if not name:
        return replace(search, words=(*search.words, value))
    if name not in FILTERS and not name.startswith(_PARAMETER):
        raise ValueError(_unknown_filter(name))
    if not value:
        raise ValueError(f'Add a value right after "{name}:", in quotation marks if it contains spaces.')
    if name.startswith(_PARAMETER):
        return replace(search, parameters=(*search.parameters, (name.removeprefix(_PARAMETER), value)))
    if name == "since":
        return replace(search, since=_parse_time(name, value, now))
    if name == "until":
        return replace(search, until=_parse_time(name, value, now))
    if name == "status":
        value = value.capitalize()
        if value not in STATUSES:
            raise ValueError(f'Unknown status "{value.lower()}". Use {", ".join(STATUSES[:-1])} or {STATUSES[-1]}.')
    values: tuple[str, ...] = getattr(search, name)
    return replace(search, **{name: (*values, value)})  # type: ignore[arg-type] # every field left is a tuple of texts


def _unknown_filter(name: str) -> str:
    if similar := get_close_matches(name, FILTERS, n=1):
        return f'Unknown filter "{name}:". Did you mean "{similar[0]}:"?'
    known = ", ".join(f"{filter}:" for filter in FILTERS)
    return f'Unknown filter "{name}:". Use one of {known}, or put text that contains a colon in quotation marks.'


def _parse_time(name: str, value: str, now: datetime) -> datetime:
    """Parse a date, a date and time (in the reader's time zone unless it has an offset), or a span before `now`."""
    if ago := _AGO.fullmatch(value):
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        time = datetime.fromisoformat(value.upper())
        return (time if time.tzinfo else timezone.make_aware(time)).astimezone(UTC)
    except (ValueError, OverflowError):
        examples = f"{name}:2026-01-31, {name}:2026-01-31T08:00 or {name}:24h"
        raise ValueError(f'"{name}:{value}" is not a time. Use {examples}.') from None
