"""The language of the search bar: words, and qualifiers like `report:sales` or `since:24h`. Knows no database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

#: What can be written before a colon; `param.` is followed by the name of a parameter.
QUALIFIERS = ("report", "user", "status", "error", "host", "format", "since", "until", "param.NAME")
STATUSES = ("Queued", "Running", "Succeeded", "Failed")
_TOKEN = re.compile(r'(?:(?P<name>[a-z]+(?:\.\w+)?):(?!//))?(?:"(?P<quoted>[^"]*)"|(?P<bare>[^\s"]+))?')
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")
_AGO = re.compile(r"(\d{1,5})(m|h|d|w)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class SearchError(Exception):
    """What is wrong with a search, in sentences."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__(" ".join(sentences))
        self.sentences = sentences


@dataclass(frozen=True)
class Search:
    """What was asked for. The same qualifier given twice means either one; different ones must all match."""

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
        """Whether what is asked for are fingerprints of errors and not texts."""
        return bool(self.error) and all(_FINGERPRINT.fullmatch(text) for text in self.error)


def parse(text: str, now: datetime | None = None) -> Search:
    """Read the search bar. SearchError names everything that is wrong with it."""
    found, faults = Search(), list[str]()
    for name, value in _tokens(text, faults):
        try:
            found = _with(found, name, value, now or datetime.now(UTC))
        except ValueError as fault:
            faults.append(str(fault))
    if faults:
        raise SearchError(faults)
    return found


def _tokens(text: str, faults: list[str]) -> Iterator[tuple[str, str]]:
    if text.count('"') % 2:
        faults.append("A quotation mark has no partner.")
        text = text.replace('"', "")
    for match in _TOKEN.finditer(text):
        name, value = match["name"] or "", match["quoted"] or match["bare"] or ""
        if name or value:
            yield name, value


def _with(found: Search, name: str, value: str, now: datetime) -> Search:
    if not name:
        return replace(found, words=(*found.words, value))
    if name not in QUALIFIERS and not name.startswith("param."):
        known = ", ".join(f"{known}:" for known in QUALIFIERS)
        raise ValueError(f'There is no {name}: to search by, only {known}. Put other text with a colon into "…".')
    if not value:
        raise ValueError(f'Write a value right after {name}: (one with spaces as {name}:"…").')
    if name.startswith("param."):
        return replace(found, parameters=(*found.parameters, (name[6:], value)))
    if name in ("since", "until"):
        return _replaced(found, name, _moment(name, value, now))
    return _replaced(found, name, (*getattr(found, name), _status(value) if name == "status" else value))


def _replaced(found: Search, name: str, value: Any) -> Search:
    return replace(found, **{name: value})


def _status(value: str) -> str:
    if value.capitalize() not in STATUSES:
        raise ValueError(f"There is no status {value}; there are {', '.join(STATUSES)}.")
    return value.capitalize()


def _moment(name: str, value: str, now: datetime) -> datetime:
    """A date, a date-time (UTC unless it says otherwise), or so long ago."""
    if ago := _AGO.fullmatch(value):
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        examples = f"{name}:2026-01-31, {name}:2026-01-31T08:00 or {name}:24h"
        raise ValueError(f"{name}:{value} is no time; write {examples}.") from None
