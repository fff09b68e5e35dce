"""Answers of data sources that are needed within a transaction, and found before it: mostly whether values are choices.

A transaction of the scheduler locks its schedule, and on SQLite everybody else waits who writes: five seconds of
somebody's query don't belong there. So the transaction is tried, ends where something was not looked up yet, and is
tried again once it was.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial, wraps
from typing import NoReturn, ParamSpec, TypeVar, cast

from accounts.models import User
from common.exceptions import DomainError
from reports.choices.checking import check_choices, check_choices_of_each
from reports.exceptions import ChoicesUnavailable, InvalidParameters
from reports.models import ReportVersion
from reports.parameters.values import Labels, TypedValue, to_json

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Values = Mapping[str, TypedValue]
#: Seconds that looking up choices may take for one transaction, or for all that share what was looked up: of a
#: backfill, each slot may have other values.
_SECONDS = 10


class _Unknown(Exception):
    """Something has not been looked up yet. `look_up` returns outcomes by key; errors are outcomes, too."""

    def __init__(self, look_up: Callable[[], Mapping[str, object]]) -> None:
        super().__init__()
        self.look_up = look_up


class _Outcomes:
    """What looking up for one transaction has led to."""

    def __init__(self) -> None:
        self.known: dict[str, object] = {}
        self.seconds_of_choices = 0.0


_outcomes: ContextVar[_Outcomes] = ContextVar("outcomes")


def looks_up_choices(transaction: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Decorate a function that is one transaction, and calls `checked_labels` or `looked_up` in it."""

    @wraps(transaction)
    def repeated(*arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
        with sharing_outcomes() as outcomes:
            while True:
                try:
                    return transaction(*arguments, **named)
                except _Unknown as unknown:
                    outcomes.known |= unknown.look_up()

    return repeated


@contextmanager
def sharing_outcomes() -> Iterator[_Outcomes]:
    """Let the transactions in the block know what was looked up for earlier ones of them."""
    outer = _outcomes.get(None)
    if outer is not None:
        yield outer
        return
    outcomes = _Outcomes()
    token = _outcomes.set(outcomes)
    try:
        yield outcomes
    finally:
        _outcomes.reset(token)


def needs_first(act: Callable[[], object]) -> NoReturn:
    """End the transaction of a function that `looks_up_choices`, call `act` in none, and try the transaction again."""

    def look_up() -> Mapping[str, object]:
        act()
        return {}

    raise _Unknown(look_up)


def looked_up(key: str, find: Callable[[], Result]) -> Result:
    """Return what `find` returns, called once and before the transaction in a function that `looks_up_choices`."""
    outcomes = _outcomes.get(None)
    if outcomes is None:
        return find()
    if key not in outcomes.known:
        raise _Unknown(lambda: {key: find()})
    return cast(Result, outcomes.known[key])


def checked_labels(version: ReportVersion, values: Values, *, actor: User) -> Labels:
    """Return what `check_choices` returns or raise what it raises, within a function that `looks_up_choices`."""
    outcomes = _outcomes.get(None)
    if not version.has_choices_queries or outcomes is None:
        return check_choices(version, values, actor=actor)
    key = _key(version, values, actor)
    if key not in outcomes.known:
        raise _Unknown(partial(_check, outcomes, version, {key: values}, actor))
    outcome = outcomes.known[key]
    if isinstance(outcome, DomainError):
        raise outcome
    return cast(Labels, outcome)


def check_all(version: ReportVersion, several: Sequence[Values], *, actor: User) -> None:
    """Look up several values at once, which `checked_labels` then knows: each query runs once for equal parents."""
    outcomes = _outcomes.get(None)
    if not version.has_choices_queries or outcomes is None:
        return
    by_key = {_key(version, values, actor): values for values in several}
    unknown = {key: values for key, values in by_key.items() if key not in outcomes.known}
    if unknown:
        raise _Unknown(partial(_check, outcomes, version, unknown, actor))


def _check(
    outcomes: _Outcomes, version: ReportVersion, unknown: Mapping[str, Values], actor: User
) -> dict[str, Labels | DomainError]:
    started = time.monotonic()
    if outcomes.seconds_of_choices > _SECONDS:
        return dict.fromkeys(unknown, ChoicesUnavailable("Looking up the choices takes too long."))
    try:
        found = check_choices_of_each(version, list(unknown.values()), actor=actor)
    except (InvalidParameters, ChoicesUnavailable) as error:
        return dict.fromkeys(unknown, error)
    finally:
        outcomes.seconds_of_choices += time.monotonic() - started
    return dict(zip(unknown, found, strict=True))


def _key(version: ReportVersion, values: Values, actor: User) -> str:
    """Equal where the same queries run with the same values."""
    queries = {each.name: each.choices_query for each in version.declared_parameters() if each.choices_query}
    used = {name for name, query in queries.items() for name in (name, *query.parents)}
    stored = to_json({name: value for name, value in values.items() if name in used})
    return json.dumps([version.pk, actor.pk, stored], sort_keys=True)
