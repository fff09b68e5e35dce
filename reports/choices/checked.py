"""Choices that are needed within a transaction, and looked up before it.

A transaction of the scheduler locks its schedule, and on SQLite everybody else waits who writes: five seconds of
somebody's query don't belong there. So the transaction is tried, ends where choices were not looked up yet, and is
tried again once they were.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import wraps
from typing import ParamSpec, TypeVar

from accounts.models import User
from common.exceptions import DomainError
from reports.choices.checking import check_choices
from reports.exceptions import ChoicesUnavailable, InvalidParameters
from reports.models import ReportVersion
from reports.parameters.values import Labels, TypedValue, to_json

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
#: Seconds that looking up may take for one transaction. Of a backfill, each slot may have other values.
_SECONDS = 10


class _Unchecked(Exception):
    """These values have not been looked up yet."""

    def __init__(self, key: str, version: ReportVersion, values: Mapping[str, TypedValue], actor: User) -> None:
        super().__init__()
        self.key, self.version, self.values, self.actor = key, version, values, actor


class _Outcomes:
    """What looking up values for one transaction has led to."""

    def __init__(self) -> None:
        self.known: dict[str, Labels | DomainError] = {}
        self._give_up_at = time.monotonic() + _SECONDS

    def add(self, unchecked: _Unchecked) -> None:
        try:
            if time.monotonic() > self._give_up_at:
                raise ChoicesUnavailable("Looking up the choices takes too long.")
            self.known[unchecked.key] = check_choices(unchecked.version, unchecked.values, actor=unchecked.actor)
        except (InvalidParameters, ChoicesUnavailable) as error:
            self.known[unchecked.key] = error


_outcomes: ContextVar[_Outcomes] = ContextVar("outcomes")


def looks_up_choices(transaction: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Decorate a function that is one transaction, and calls `checked_labels` in it."""

    @wraps(transaction)
    def repeated(*arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
        outcomes = _Outcomes()
        token = _outcomes.set(outcomes)
        try:
            while True:
                try:
                    return transaction(*arguments, **named)
                except _Unchecked as unchecked:
                    outcomes.add(unchecked)
        finally:
            _outcomes.reset(token)

    return repeated


def checked_labels(version: ReportVersion, values: Mapping[str, TypedValue], *, actor: User) -> Labels:
    """Return what `check_choices` returns or raise what it raises, within a function that `looks_up_choices`."""
    outcomes = _outcomes.get(None)
    if not version.has_choices_queries or outcomes is None:
        return check_choices(version, values, actor=actor)
    key = _key(version, values, actor)
    outcome = outcomes.known.get(key)
    if outcome is None:
        raise _Unchecked(key, version, values, actor)
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


def _key(version: ReportVersion, values: Mapping[str, TypedValue], actor: User) -> str:
    """Equal where the same queries run with the same values."""
    queries = {each.name: each.choices_query for each in version.declared_parameters() if each.choices_query}
    used = {name for name, query in queries.items() for name in (name, *query.parents)}
    stored = to_json({name: value for name, value in values.items() if name in used})
    return json.dumps([version.pk, actor.pk, stored], sort_keys=True)
